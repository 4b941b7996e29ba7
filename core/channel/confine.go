package channel

import (
	"fmt"
	"slices"
	"strings"
)

// PreludeCommand is the word with which this program runs a third-party plugin: it takes away what the plugin was not
// given, checks the plugin's executable and becomes it. See [Confined].
const PreludeCommand = "plugin-exec"

// preludeSpec is what the prelude is told.
type preludeSpec struct {
	Path    string   `json:"path"` // of the executable
	SHA256  string   `json:"sha256"`
	Args    []string `json:"args"`
	Bundle  string   `json:"bundle"` // folders
	Work    string   `json:"work"`
	Sockets string   `json:"sockets"`
	Allowed Permissions
	Demand  bool `json:"demand"` // do not run it where it cannot be confined
}

// Confinement is what holds for a third-party plugin on this machine, in sentences for people.
type Confinement struct {
	Enforced    []string
	NotEnforced []string // each with its reason
}

// ConfinementOf says what of a bundle's permissions this machine enforces.
func ConfinementOf(p Permissions) Confinement { return confinementUnder(p, abilities()) }

// ability is what the kernel can take away from an unprivileged process.
type ability struct {
	prelude  bool // no_new_privs, limits and execution by descriptor
	landlock int  // the version of its interface; 0: there is none
	seccomp  bool
}

// The versions of Landlock's interface in which an ability came.
const (
	landlockNetwork = 4
	landlockScopes  = 6
)

func confinementUnder(p Permissions, can ability) (c Confinement) {
	yes := func(format string, args ...any) { c.Enforced = append(c.Enforced, fmt.Sprintf(format, args...)) }
	no := func(format string, args ...any) { c.NotEnforced = append(c.NotEnforced, fmt.Sprintf(format, args...)) }
	yes("Only the approved files are run; every file is checked before each start.")
	switch {
	case p.NoTLS && can.prelude:
		yes("Connection: without TLS, over sockets in a private folder; only the plugin's own processes, of this user, are spoken with.")
	case p.NoTLS:
		no("Connection: without TLS, over sockets in a private folder; this operating system does not tell which process is at their other end.")
	}
	if !can.prelude {
		no("Limits of memory, files, network and processes: this operating system has no means for it.")
		return c
	}
	yes("The checked executable itself is run, by its descriptor.")
	yes("It cannot gain privileges (no_new_privs) and leaves no core dumps.")
	yes("Memory: ended above %s, its children included; looked at once a second.", sizeText(p.Memory))
	yes("Open files: at most %d. A file that it writes: at most %s.", p.OpenFiles, sizeText(p.FileSize))
	if can.landlock == 0 {
		no("Files: it can read and write what this user can, because the kernel has no Landlock.")
	} else {
		yes("Files: it reads its own bundle, the system's libraries, certificates and time zones; it writes only its working folder and its sockets.")
	}
	switch {
	case p.Processes:
		no("Other programs: it asked to start them, and may.")
	case can.seccomp:
		yes("Other programs: it can start none, and no processes.")
	case can.landlock > 0:
		yes("Other programs: it can execute none but itself.")
		no("Processes: it can fork, because system calls cannot be filtered here; what it forks ends with it.")
	default:
		no("Other programs: it can start them, because the kernel has neither Landlock nor seccomp.")
	}
	c.network(p, can)
	if can.landlock >= landlockScopes {
		yes("Signals: it cannot send any to other programs.")
	} else {
		no("Signals: it can end other programs of this user, because the kernel's Landlock is too old or missing.")
	}
	no("Processor time: unprivileged processes cannot be limited without cgroups.")
	return c
}

func (c *Confinement) network(p Permissions, can ability) {
	yes := func(format string, args ...any) { c.Enforced = append(c.Enforced, fmt.Sprintf(format, args...)) }
	no := func(format string, args ...any) { c.NotEnforced = append(c.NotEnforced, fmt.Sprintf(format, args...)) }
	none := !p.Network && len(p.Listen) == 0
	switch {
	case none && can.seccomp:
		yes("Network: none, neither TCP nor UDP.")
		return
	case can.landlock < landlockNetwork:
		no("Network: it can connect and listen anywhere, because the kernel's Landlock is too old or missing.")
		return
	case !p.Network:
		yes("Network: it can open no TCP connections.")
	case len(p.Hosts) == 0:
		no("Network: it asked to connect to any host, and may.")
	default:
		yes("Network: TCP connections to the ports %s only.", numbers(p.connectPorts()))
		no("Network hosts (%s): the kernel limits ports, not names.", strings.Join(p.Hosts, ", "))
	}
	if len(p.Listen) == 0 {
		yes("Listening: on no TCP port.")
	} else {
		yes("Listening: on the TCP ports %s only.", numbers(p.Listen))
	}
	no("UDP: not limited, because the kernel's Landlock knows TCP only.")
	if !can.seccomp {
		no("Multipath TCP and SCTP: not limited, because system calls cannot be filtered here.")
	}
}

// connectPorts are the TCP ports of the hosts that a plugin named, DNS among them.
func (p Permissions) connectPorts() []int {
	ports := []int{53}
	for _, host := range p.Hosts {
		if _, port, err := hostPort(host); err == nil {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

func numbers(list []int) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = fmt.Sprint(n)
	}
	return strings.Join(texts, ", ")
}

// Summary says in words what a plugin asks for.
func (p Permissions) Summary() []string {
	var lines []string
	switch {
	case !p.Network:
		lines = append(lines, "no network")
	case len(p.Hosts) == 0:
		lines = append(lines, "the network, all of it")
	default:
		lines = append(lines, "the network: "+strings.Join(p.Hosts, ", "))
	}
	if len(p.Listen) > 0 {
		lines = append(lines, "to serve on the TCP ports "+numbers(p.Listen))
	}
	lines = append(lines, fmt.Sprintf("%s of memory, %d open files, files of up to %s", sizeText(p.Memory), p.OpenFiles, sizeText(p.FileSize)))
	if p.Processes {
		lines = append(lines, "to start other programs")
	}
	if p.NoTLS {
		lines = append(lines, "to speak without TLS, over its private socket only; the user and the process at its other end are checked")
	}
	return lines
}
