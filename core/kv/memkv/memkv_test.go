package memkv_test

import (
	"testing"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/kvtest"
	"github.com/guichet/guichet/core/kv/memkv"
)

func TestContract(t *testing.T) {
	kvtest.Run(t, func(testing.TB) kv.DB { return memkv.New() })
}

func TestContractUnderChaos(t *testing.T) {
	kvtest.Run(t, func(testing.TB) kv.DB { return kvtest.Chaos(memkv.New(), 42) })
}
