package app

import (
	"context"

	"github.com/guichet/guichet/core"
)

// people adds agents to the configuration file, where they live, and puts the file in force.
type people struct{ app *App }

func (p people) Add(ctx context.Context, agent core.Agent) (*core.Agent, error) {
	if _, err := p.app.editor().addAgent(ctx, agent); err != nil {
		return nil, err
	}
	added, ok := p.app.desk.Setup().AgentByEmail(agent.Email)
	if !ok {
		return nil, core.Errorf(core.Internal, "%s was added to the configuration but is not in force", agent.Email)
	}
	return added, nil
}
