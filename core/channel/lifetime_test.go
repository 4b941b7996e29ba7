package channel

func hostMain() {}
