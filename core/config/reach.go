package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/guichet/guichet/core"
)

// checkAccount judges one account: its plugin, its settings, what the provider and its test flag ask for.
func (d *decoder) checkAccount(c *Config, i int) {
	a := &c.Accounts[i]
	n := d.element("account", i)
	if n.kind != kindTable {
		return
	}
	if a.Test && a.Enabled && strings.HasPrefix(c.Server.PublicURL, "https:") && !c.Server.AllowTest {
		d.say(n.child("test"), "A test account is refused while public_url is https, because its provider could be anyone.",
			"Take test = true out, or set allow_test = true under [server].").as("test-refused")
	}
	at := n.child("plugin")
	if at == nil {
		d.missing(n, "plugin", "This account does not say which plugin handles it.",
			strings.TrimSpace("Write plugin = \"…\". "+oneOf(d.env.plugins())))
		return
	}
	if at.kind != kindString {
		return
	}
	schema, ok := d.env.plugin(a.Plugin)
	if !ok {
		known := d.env.plugins()
		remedy := "No plugin is installed."
		if len(known) > 0 {
			remedy = "Installed: " + strings.Join(known, ", ") + "."
		}
		if near := nearest(a.Plugin, known); near != "" {
			remedy = fmt.Sprintf("Did you mean %q? ", near) + remedy
		}
		d.say(at, fmt.Sprintf("There is no plugin %q.", a.Plugin), remedy).as("no-such-plugin", "plugin", a.Plugin, "near", nearest(a.Plugin, known))
		return
	}
	if schema.Consent && !a.Consent {
		d.missing(n, "consent", fmt.Sprintf("Using %s shares your customers' data with its provider, and you have not agreed to it.", a.Plugin),
			"Write consent = true once you have, and have told your customers and agents.").as("consent-missing", "plugin", a.Plugin)
	}
	a.Settings = d.settings(n, a, schema)
}

func (d *decoder) checkChannels(c *Config, accounts, workstreams ids) {
	for i := range c.Channels {
		ch := &c.Channels[i]
		n := d.element("channel", i)
		if n.kind != kindTable {
			continue
		}
		d.checkLanguage(n.child("language"))
		d.reference(n, "account", ch.Account, accounts, `a channel is an address under an account`)
		if !d.reference(n, "workstream", ch.Workstream, workstreams, `a workstream says how its conversations are distributed`) {
			continue
		}
		w := c.Workstreams[slices.Index(workstreams, ch.Workstream)]
		if k := slices.Index(accounts, ch.Account); ch.Enabled && !w.Enabled && k >= 0 && c.Accounts[k].Enabled {
			d.say(n.child("workstream"), fmt.Sprintf("The workstream %q is switched off.", w.ID), "Switch it on, or this channel off with enabled = false.").as("workstream-off", "workstream", w.ID)
		}
	}
}

// reference checks that the value of key in n names one of the known objects of the kind of the same name.
func (d *decoder) reference(n *node, key, value string, known ids, why string) bool {
	at := n.child(key)
	if at == nil {
		remedy := fmt.Sprintf("Write %s = \"…\": %s.", key, why)
		if len(known) > 0 && known[0] != "" {
			remedy = fmt.Sprintf("Write %s = %q: %s.", key, known[0], why)
		}
		d.missing(n, key, fmt.Sprintf("This %s does not name its %s.", n.path[:strings.IndexByte(n.path, '[')], key), remedy).as("names-no-" + key)
		return false
	}
	if at.kind != kindString || !d.listed(key) {
		return false
	}
	if slices.Contains(known, value) {
		return value != ""
	}
	remedy := fmt.Sprintf("Add one:\n[[%s]]\nid = %s", key, quote(value))
	if near := nearest(value, known); near != "" {
		remedy = fmt.Sprintf("Did you mean %q?", near)
	} else if !wellFormedID(value) {
		remedy = fmt.Sprintf("Write the id of a [[%s]].", key)
	}
	d.say(at, fmt.Sprintf("There is no %s %q.", key, value), remedy).as("no-such-"+key, "given", value, "near", nearest(value, known))
	return false
}

// checkAddresses judges the channels' addresses against their plugins' schemas and against each other: an event must
// never fit two channels.
func (d *decoder) checkAddresses(c *Config) {
	plugins := map[string]string{}
	for _, a := range c.Accounts {
		plugins[a.ID] = a.Plugin
	}
	for i, ch := range c.Channels {
		n := d.element("channel", i)
		schema, ok := d.env.plugin(plugins[ch.Account])
		if !ok || ch.Account == "" || n.kind != kindTable {
			continue
		}
		d.address(n, &c.Channels[i], schema)
		if !ch.Enabled {
			continue
		}
		for j, other := range c.Channels[:i] {
			if o := d.element("channel", j); other.Account == ch.Account && other.Enabled && o.kind == kindTable &&
				overlap(c.Channels[i].Address, other.Address) && !lacksAddress(schema, c.Channels[i].Address) && !lacksAddress(schema, other.Address) {
				d.clash(n, o, other.ID, len(schema.Address) > 0, schema.Plugin)
				break
			}
		}
	}
}

// lacksAddress reports whether a required part is missing, which is a problem of its own.
func lacksAddress(schema core.PluginSchema, address map[string]string) bool {
	return slices.ContainsFunc(schema.Address, func(f core.SettingField) bool { return f.Required && address[f.Key] == "" })
}

// overlap reports whether one event could name both addresses: they contradict each other nowhere.
func overlap(a, b map[string]string) bool {
	for key, value := range a {
		if other, both := b[key]; both && other != value {
			return false
		}
	}
	return true
}

func (d *decoder) clash(n, other *node, otherID string, addressable bool, plugin string) {
	at := n
	if address := n.child("address"); address != nil {
		at = address
	}
	if !addressable {
		d.say(at, fmt.Sprintf("The account has a channel already, %q on line %d, and an account of %s has only one.", otherID, d.line(other), plugin),
			"Make another account, or switch one of the channels off with enabled = false.").as(
			"one-channel", "channel", otherID, "line", strconv.Itoa(d.line(other)), "plugin", plugin)
		return
	}
	d.say(at, fmt.Sprintf("A message could belong to this channel as well as to %q on line %d.", otherID, d.line(other)),
		"Give each channel of the account an address of its own.").as("address-clash", "channel", otherID, "line", strconv.Itoa(d.line(other)))
}

func (d *decoder) checkWorkstreams(c *Config) {
	plugins := map[string]string{}
	for _, a := range c.Accounts {
		plugins[a.ID] = a.Plugin
	}
	for i, w := range c.Workstreams {
		n := d.element("workstream", i)
		if n.kind != kindTable {
			continue
		}
		if at := n.child("plugin"); at != nil && at.kind == kindString {
			if _, ok := d.env.plugin(w.Plugin); !ok {
				d.say(at, fmt.Sprintf("There is no plugin %q.", w.Plugin), choice(w.Plugin, d.env.plugins()))
				continue
			}
		}
		if at := n.child("allowed_presences"); at != nil && at.kind == kindArray && len(w.AllowedPresences) == 0 {
			d.say(at, "Nobody would ever be offered a conversation.", `Write at least one presence, such as ["available"].`)
		}
		if wrapUp := n.child("wrap_up"); wrapUp.child("for") != nil && w.WrapUp.Block != "custom" {
			d.say(wrapUp.child("for"), fmt.Sprintf("A time has no meaning with block = %q.", w.WrapUp.Block), `Write block = "custom", or take the time out.`)
		}
		d.checkMixture(c, i, plugins)
		d.checkFallback(c, n, w)
	}
}

// checkMixture reports channels whose plugin is not their workstream's.
func (d *decoder) checkMixture(c *Config, i int, plugins map[string]string) {
	w := c.Workstreams[i]
	stated := d.element("workstream", i).child("plugin") != nil
	for j, ch := range c.Channels {
		plugin := plugins[ch.Account]
		n := d.element("channel", j)
		if ch.Workstream != w.ID || w.ID == "" || plugin == "" || w.Plugin == "" || plugin == w.Plugin {
			continue
		}
		at := n.child("workstream")
		if stated {
			d.say(at, fmt.Sprintf("This is a channel of %s, but the workstream %q is for %s.", plugin, w.ID, w.Plugin),
				fmt.Sprintf("Attach it to a workstream for %s.", plugin)).as("mixed-workstream", "workstream", w.ID, "plugin", plugin, "other", w.Plugin)
			continue
		}
		d.say(at, fmt.Sprintf("The workstream %q would mix channels of %s and %s.", w.ID, w.Plugin, plugin),
			fmt.Sprintf("Make a workstream for %s and attach this channel to it.", plugin)).as("mixed-workstream", "workstream", w.ID, "plugin", plugin, "other", w.Plugin)
	}
}

func (d *decoder) checkFallback(c *Config, n *node, w Workstream) {
	at := n.child("fallback_queue")
	if !d.listed("queue") || (at != nil && at.kind != kindString) {
		return
	}
	var known []string
	for _, q := range c.Queues {
		if q.ID == w.FallbackQueue && q.ID != "" {
			if !q.Enabled && w.Enabled && at != nil {
				d.say(at, fmt.Sprintf("The queue %q is switched off.", q.ID), "Name another queue, or switch it on.").as("queue-off", "queue", q.ID)
			}
			return
		}
		if q.Enabled {
			known = append(known, q.ID)
		}
	}
	if at == nil {
		d.missing(n, "fallback_queue", "It is not clear which queue takes conversations that no rule sends elsewhere.",
			strings.TrimSpace("Set fallback_queue. "+oneOf(known))).as("fallback-unclear")
		return
	}
	d.say(at, fmt.Sprintf("There is no queue %q.", w.FallbackQueue), choice(w.FallbackQueue, known)).as(
		"no-such-queue", "given", w.FallbackQueue, "near", nearest(w.FallbackQueue, known))
}

// checkAttached reports accounts through which nothing could arrive, with the lines that are missing.
func (d *decoder) checkAttached(c *Config) {
	dangling := slices.ContainsFunc(c.Channels, func(ch Channel) bool {
		return !slices.ContainsFunc(c.Accounts, func(a Account) bool { return a.ID == ch.Account })
	})
	if dangling || !d.listed("channel") {
		return // mending what is reported already may well attach them
	}
	for i, a := range c.Accounts {
		n := d.element("account", i)
		attached := slices.ContainsFunc(c.Channels, func(ch Channel) bool { return ch.Account == a.ID })
		schema, ok := d.env.plugin(a.Plugin)
		if attached || !ok || !a.Enabled || a.Retired || !wellFormedID(a.ID) {
			continue
		}
		workstream, known := "", false
		for _, w := range c.Workstreams {
			if w.Plugin == a.Plugin {
				workstream, known = w.ID, true
			}
		}
		remedy := "Add:"
		if !known {
			workstream = a.ID
			remedy += fmt.Sprintf("\n[[workstream]]\nid = %s", quote(workstream))
			if len(c.Queues) > 1 {
				remedy += fmt.Sprintf("\nfallback_queue = %s", quote(c.Queues[0].ID))
			}
			remedy += "\n"
		}
		remedy += fmt.Sprintf("\n[[channel]]\nid = %s\naccount = %s\nworkstream = %s", quote(a.ID), quote(a.ID), quote(workstream))
		var parts []string
		for _, f := range schema.Address {
			parts = append(parts, f.Key+` = "…"`)
		}
		if len(parts) > 0 {
			remedy += "\naddress = { " + strings.Join(parts, ", ") + " }"
		}
		d.say(n, fmt.Sprintf("The account %q has no channel, so nothing could arrive through it.", a.ID), remedy).as("no-channel", "account", a.ID)
	}
}
