package channel

import (
	"maps"
	"os"
	"strconv"
	"syscall"
	"testing"
)

// What has left the plugin's group and session ends with it all the same.
func TestDaemonsOfAPluginEndWithIt(t *testing.T) {
	needProc(t)
	for name, end := range map[string]func(s *strangers, l *live){
		"stopped": func(s *strangers, _ *live) { s.Stop() },
		"killed": func(s *strangers, l *live) {
			until(t, "the daemon is known", func() bool { return len(known(l)) > 0 })
			_ = syscall.Kill(l.pid(), syscall.SIGKILL)
			s.live(t, l.generation)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStrangers(t)
			s.approve(t, "1.0", "", "processes = true")
			l := s.run(t)
			daemon, err := strconv.Atoi(s.ask(t, "daemon", ""))
			if err != nil || !alive(daemon) {
				t.Fatalf("the daemon is %d, %v", daemon, err)
			}
			if !s.Owns(daemon) || !s.Owns(l.pid()) || s.Owns(os.Getpid()) {
				t.Error("the host does not tell whose processes these are")
			}
			end(s, l)
			until(t, "the daemon ends", func() bool { return !alive(daemon) })
		})
	}
}

func known(l *live) map[int]uint64 {
	k := l.process.(*subprocess).kin.Load()
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.known)
}
