package memkv

import "hash/maphash"

// node is a treap that is never changed: an insertion copies the path to it, so that every older root goes on being a
// snapshot. Priorities come from a hash of the key, which makes the shape depend on the content alone.
type node struct {
	key         string
	value       []byte
	version     uint64 // of the commit that wrote it
	priority    uint64
	left, right *node
}

var seed = maphash.MakeSeed()

func (n *node) find(key string) *node {
	for n != nil {
		switch {
		case key < n.key:
			n = n.left
		case key > n.key:
			n = n.right
		default:
			return n
		}
	}
	return nil
}

// with returns the tree that has the pair as well.
func (n *node) with(key string, value []byte, version uint64) *node {
	left, right := n.split(key)
	_, right = right.splitFirst(key)
	added := &node{key: key, value: value, version: version, priority: maphash.String(seed, key)}
	return join(join(left, added), right)
}

// without returns the tree that lacks the key.
func (n *node) without(key string) *node {
	if n.find(key) == nil {
		return n
	}
	left, right := n.split(key)
	_, right = right.splitFirst(key)
	return join(left, right)
}

// split returns the keys below key, and the others.
func (n *node) split(key string) (below, others *node) {
	if n == nil {
		return nil, nil
	}
	c := *n
	if n.key < key {
		c.right, others = n.right.split(key)
		return &c, others
	}
	below, c.left = n.left.split(key)
	return below, &c
}

// splitFirst takes the node with this key off a tree in which no key is smaller.
func (n *node) splitFirst(key string) (first, rest *node) {
	if n == nil {
		return nil, nil
	}
	if n.left == nil {
		if n.key == key {
			return n, n.right
		}
		return nil, n
	}
	c := *n
	first, c.left = n.left.splitFirst(key)
	return first, &c
}

// join puts two trees together; every key of left is smaller than every key of right.
func join(left, right *node) *node {
	switch {
	case left == nil:
		return right
	case right == nil:
		return left
	case left.priority > right.priority:
		c := *left
		c.right = join(left.right, right)
		return &c
	default:
		c := *right
		c.left = join(left, right.left)
		return &c
	}
}

// walk calls visit for the keys in [lo, hi), in order, until it returns false. Without bounded, there is no hi.
func (n *node) walk(lo, hi string, bounded, reverse bool, visit func(*node) bool) bool {
	if n == nil {
		return true
	}
	if n.key < lo {
		return n.right.walk(lo, hi, bounded, reverse, visit)
	}
	if bounded && n.key >= hi {
		return n.left.walk(lo, hi, bounded, reverse, visit)
	}
	first, second := n.left, n.right
	if reverse {
		first, second = second, first
	}
	return first.walk(lo, hi, bounded, reverse, visit) && visit(n) && second.walk(lo, hi, bounded, reverse, visit)
}
