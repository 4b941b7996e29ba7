package channelv1

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// baseline is the contract as every plugin that is out there may rely on it. scripts/gen-proto --baseline renews it;
// renewing it over a change that is not additive needs a reason in the commit.
const baseline = "baseline.binpb"

func readBaseline(t *testing.T) *descriptorpb.FileDescriptorProto {
	t.Helper()
	content, err := os.ReadFile(baseline)
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(content, set); err != nil || len(set.GetFile()) != 1 {
		t.Fatalf("%s is no set of one descriptor: %v", baseline, err)
	}
	return set.GetFile()[0]
}

// TestContractOnlyGrows: what a plugin was built for stays as it was.
func TestContractOnlyGrows(t *testing.T) {
	for _, change := range notAdditive(readBaseline(t), protodesc.ToFileDescriptorProto(File_channel_proto)) {
		t.Error(change)
	}
}

// notAdditive lists what has changed in a way that breaks programs built for the contract before.
func notAdditive(before, after *descriptorpb.FileDescriptorProto) []string {
	c := &comparison{}
	c.equal("the file", "package", before.GetPackage(), after.GetPackage())
	c.equal("the file", "syntax", before.GetSyntax(), after.GetSyntax())
	c.messages("", before.GetMessageType(), after.GetMessageType())
	c.enums("", before.GetEnumType(), after.GetEnumType())
	services := byName(after.GetService())
	for _, old := range before.GetService() {
		now, ok := services[old.GetName()]
		if !ok {
			c.gone("service", old.GetName())
			continue
		}
		methods := byName(now.GetMethod())
		for _, m := range old.GetMethod() {
			name := old.GetName() + "." + m.GetName()
			now, ok := methods[m.GetName()]
			if !ok {
				c.gone("method", name)
				continue
			}
			c.equal("method "+name, "request", m.GetInputType(), now.GetInputType())
			c.equal("method "+name, "response", m.GetOutputType(), now.GetOutputType())
			c.equal("method "+name, "streaming of requests", m.GetClientStreaming(), now.GetClientStreaming())
			c.equal("method "+name, "streaming of responses", m.GetServerStreaming(), now.GetServerStreaming())
		}
	}
	return c.changes
}

type comparison struct{ changes []string }

func (c *comparison) equal(what, of string, before, after any) {
	if before != after {
		c.changes = append(c.changes, fmt.Sprintf("%s: its %s was %v and is %v", what, of, before, after))
	}
}

func (c *comparison) gone(kind, name string) {
	c.changes = append(c.changes, fmt.Sprintf("%s %s has gone, or has another name", kind, name))
}

type named interface{ GetName() string }

func byName[T named](list []T) map[string]T {
	m := map[string]T{}
	for _, e := range list {
		m[e.GetName()] = e
	}
	return m
}

func (c *comparison) messages(in string, before, after []*descriptorpb.DescriptorProto) {
	there := byName(after)
	for _, old := range before {
		name := in + old.GetName()
		now, ok := there[old.GetName()]
		if !ok {
			c.gone("message", name)
			continue
		}
		c.fields(name, old, now)
		c.messages(name+".", old.GetNestedType(), now.GetNestedType())
		c.enums(name+".", old.GetEnumType(), now.GetEnumType())
		c.equal("message "+name, "being a map", old.GetOptions().GetMapEntry(), now.GetOptions().GetMapEntry())
	}
}

func (c *comparison) fields(message string, before, after *descriptorpb.DescriptorProto) {
	there := map[int32]*descriptorpb.FieldDescriptorProto{}
	for _, f := range after.GetField() {
		there[f.GetNumber()] = f
	}
	for _, old := range before.GetField() {
		name := "field " + message + "." + old.GetName()
		now, ok := there[old.GetNumber()]
		if !ok {
			c.gone("field", message+"."+old.GetName())
			continue
		}
		c.equal(name, "name", old.GetName(), now.GetName())
		c.equal(name, "type", old.GetType(), now.GetType())
		c.equal(name, "type's name", old.GetTypeName(), now.GetTypeName())
		c.equal(name, "cardinality", old.GetLabel(), now.GetLabel())
		c.equal(name, "JSON name", jsonName(old), jsonName(now))
		c.equal(name, "oneof", oneof(before, old), oneof(after, now))
		c.equal(name, "presence", old.GetProto3Optional(), now.GetProto3Optional())
		c.equal(name, "packing", old.GetOptions().GetPacked(), now.GetOptions().GetPacked())
	}
	for _, now := range after.GetField() {
		for _, r := range before.GetReservedRange() {
			if now.GetNumber() >= r.GetStart() && now.GetNumber() < r.GetEnd() {
				c.changes = append(c.changes, fmt.Sprintf("field %s.%s: its number %d was in use once", message, now.GetName(), now.GetNumber()))
			}
		}
		for _, name := range before.GetReservedName() {
			if now.GetName() == name {
				c.changes = append(c.changes, fmt.Sprintf("field %s.%s: its name was in use once", message, name))
			}
		}
	}
}

func jsonName(f *descriptorpb.FieldDescriptorProto) string {
	if f.JsonName != nil {
		return f.GetJsonName()
	}
	var name strings.Builder
	upper := false
	for _, r := range f.GetName() {
		switch {
		case r == '_':
			upper = true
		case upper:
			name.WriteString(strings.ToUpper(string(r)))
			upper = false
		default:
			name.WriteRune(r)
		}
	}
	return name.String()
}

// oneof is the name of the oneof that a field is in. Of an optional field it is made up by protoc.
func oneof(m *descriptorpb.DescriptorProto, f *descriptorpb.FieldDescriptorProto) string {
	if f.OneofIndex == nil || f.GetProto3Optional() {
		return ""
	}
	return m.GetOneofDecl()[f.GetOneofIndex()].GetName()
}

func (c *comparison) enums(in string, before, after []*descriptorpb.EnumDescriptorProto) {
	there := byName(after)
	for _, old := range before {
		now, ok := there[old.GetName()]
		if !ok {
			c.gone("enum", in+old.GetName())
			continue
		}
		values := byName(now.GetValue())
		for _, v := range old.GetValue() {
			name := in + old.GetName() + "." + v.GetName()
			if values[v.GetName()] == nil {
				c.gone("value", name)
				continue
			}
			c.equal("value "+name, "number", v.GetNumber(), values[v.GetName()].GetNumber())
		}
	}
}

// TestOnlyGrowthIsTaken doctors the baseline: each change that breaks is noticed, and growth is not taken for one.
func TestOnlyGrowthIsTaken(t *testing.T) {
	file := readBaseline(t)
	if changes := notAdditive(file, proto.CloneOf(file)); len(changes) > 0 {
		t.Fatalf("no change is one: %v", changes)
	}
	message := func(f *descriptorpb.FileDescriptorProto, name string) *descriptorpb.DescriptorProto {
		return byName(f.GetMessageType())[name]
	}
	field := func(f *descriptorpb.FileDescriptorProto, m, name string) *descriptorpb.FieldDescriptorProto {
		return byName(message(f, m).GetField())[name]
	}
	type doctor func(f *descriptorpb.FileDescriptorProto)
	for want, change := range map[string]doctor{
		"the file: its package": func(f *descriptorpb.FileDescriptorProto) { f.Package = proto.String("guichet.channel.v2") },
		"the file: its syntax":  func(f *descriptorpb.FileDescriptorProto) { f.Syntax = proto.String("proto2") },
		"message Identity has gone": func(f *descriptorpb.FileDescriptorProto) {
			message(f, "Identity").Name = proto.String("Identities")
		},
		"message Event.AddressEntry has gone": func(f *descriptorpb.FileDescriptorProto) { message(f, "Event").NestedType = nil },
		"field Event.raw has gone": func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Event", "raw").Number = proto.Int32(999)
		},
		"field Event.raw: its name": func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Event", "raw").Name = proto.String("original")
		},
		"field Event.raw: its type": func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Event", "raw").Type = descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()
		},
		"field Event.thread: its type's name": func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Event", "thread").TypeName = proto.String(".guichet.channel.v1.Sender")
		},
		"field Event.raw: its cardinality": func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Event", "raw").Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		},
		"field Event.occurred_at: its JSON name": func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Event", "occurred_at").JsonName = proto.String("when")
		},
		"field Event.notice: its oneof": func(f *descriptorpb.FileDescriptorProto) { field(f, "Event", "notice").OneofIndex = nil },
		"field Event.raw: its oneof":    func(f *descriptorpb.FileDescriptorProto) { field(f, "Event", "raw").OneofIndex = proto.Int32(0) },
		"field ChannelAddress.attachments_from_customer: its presence": func(f *descriptorpb.FileDescriptorProto) {
			field(f, "ChannelAddress", "attachments_from_customer").Proto3Optional = nil
		},
		"field Rate.calls: its packing": func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Rate", "calls").Options = &descriptorpb.FieldOptions{Packed: proto.Bool(true)}
		},
		"enum TextFormat has gone": func(f *descriptorpb.FileDescriptorProto) { f.EnumType = f.EnumType[1:] },
		"enum Rejected.Cause has gone": func(f *descriptorpb.FileDescriptorProto) {
			message(f, "Rejected").EnumType[0].Name = proto.String("Why")
		},
		"value Rejected.Cause.CONTENT has gone": func(f *descriptorpb.FileDescriptorProto) {
			message(f, "Rejected").EnumType[0].Value[1].Name = proto.String("TEXT")
		},
		"value Rejected.Cause.CONTENT: its number": func(f *descriptorpb.FileDescriptorProto) {
			message(f, "Rejected").EnumType[0].Value[1].Number = proto.Int32(77)
		},
		"service Webhook has gone": func(f *descriptorpb.FileDescriptorProto) { byName(f.Service)["Webhook"].Name = proto.String("Hooks") },
		"method Channel.Drain has gone": func(f *descriptorpb.FileDescriptorProto) {
			byName(byName(f.Service)["Channel"].Method)["Drain"].Name = proto.String("Stop")
		},
		"method Channel.Drain: its request": func(f *descriptorpb.FileDescriptorProto) {
			byName(byName(f.Service)["Channel"].Method)["Drain"].InputType = proto.String(".guichet.channel.v1.Event")
		},
		"method Channel.Drain: its response": func(f *descriptorpb.FileDescriptorProto) {
			byName(byName(f.Service)["Channel"].Method)["Drain"].OutputType = proto.String(".guichet.channel.v1.Event")
		},
		"method Channel.Drain: its streaming of requests": func(f *descriptorpb.FileDescriptorProto) {
			byName(byName(f.Service)["Channel"].Method)["Drain"].ClientStreaming = proto.Bool(true)
		},
		"method Channel.Watch: its streaming of responses": func(f *descriptorpb.FileDescriptorProto) {
			byName(byName(f.Service)["Channel"].Method)["Watch"].ServerStreaming = nil
		},
	} {
		doctored := proto.CloneOf(file)
		change(doctored)
		if changes := notAdditive(file, doctored); !strings.Contains(strings.Join(changes, "\n"), want) {
			t.Errorf("%s: noticed %q", want, changes)
		}
	}
	for what, change := range map[string]doctor{
		"a new message": func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType = append(f.MessageType, &descriptorpb.DescriptorProto{Name: proto.String("New")})
		},
		"a new field": func(f *descriptorpb.FileDescriptorProto) {
			added := proto.CloneOf(field(f, "Event", "raw"))
			added.Name, added.Number, added.JsonName = proto.String("more"), proto.Int32(999), proto.String("more")
			message(f, "Event").Field = append(message(f, "Event").Field, added)
		},
		"a new value": func(f *descriptorpb.FileDescriptorProto) {
			e := message(f, "Rejected").EnumType[0]
			e.Value = append(e.Value, &descriptorpb.EnumValueDescriptorProto{Name: proto.String("OTHER"), Number: proto.Int32(9)})
		},
		"a new service": func(f *descriptorpb.FileDescriptorProto) {
			f.Service = append(f.Service, &descriptorpb.ServiceDescriptorProto{Name: proto.String("New")})
		},
		"another order": func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType[0], f.MessageType[1] = f.MessageType[1], f.MessageType[0]
			e := message(f, "Event")
			e.Field[0], e.Field[1] = e.Field[1], e.Field[0]
		},
	} {
		doctored := proto.CloneOf(file)
		change(doctored)
		if changes := notAdditive(file, doctored); len(changes) > 0 {
			t.Errorf("%s is growth: %q", what, changes)
		}
	}
	// A number and a name that were given up are not given again.
	given := proto.CloneOf(file)
	message(given, "Typing").ReservedRange = []*descriptorpb.DescriptorProto_ReservedRange{{Start: proto.Int32(5), End: proto.Int32(6)}}
	message(given, "Typing").ReservedName = []string{"fast"}
	taken := proto.CloneOf(given)
	message(taken, "Typing").Field = append(message(taken, "Typing").Field,
		&descriptorpb.FieldDescriptorProto{Name: proto.String("fast"), Number: proto.Int32(5)})
	if changes := notAdditive(given, taken); len(changes) != 2 {
		t.Errorf("a number and a name that were given up: noticed %q", changes)
	}
}
