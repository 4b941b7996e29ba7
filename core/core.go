// Package core holds Guichet's domain: the types that every other package speaks, errors with codes, and small
// interfaces. It imports no technology: no storage engine, no HTTP, no gRPC, no TOML.
//
// Start reading at [Conversation] and [Message]; [Setup] is how the desk is configured; [Inbound] is what a channel
// reports; [OutboxEntry] is what is on its way out. The words are those of the README's glossary: one word for one
// thing everywhere.
package core
