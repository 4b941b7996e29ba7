package line

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/guichet/guichet/plugins/sdk"
)

// FetchProfile looks a user up: among the account's friends, or as a member of the group or room. LINE answers 404 where
// the user has blocked the account, has not consented, or does not exist; the contact then stays anonymous.
func (c *channel) FetchProfile(ctx context.Context, identity sdk.Identity, thread sdk.Thread) (*sdk.Profile, error) {
	if identity.Value == "" || (identity.Kind != "" && identity.Kind != userKind) {
		return nil, nil
	}
	member := url.PathEscape(identity.Value)
	address := c.api.api + "/v2/bot/profile/" + member
	if thread.ID != "" {
		switch thread.Kind {
		case "group":
			address = c.api.api + "/v2/bot/group/" + url.PathEscape(thread.ID) + "/member/" + member
		case "room":
			address = c.api.api + "/v2/bot/room/" + url.PathEscape(thread.ID) + "/member/" + member
		}
	}
	var found struct {
		DisplayName string `json:"displayName"`
		Language    string `json:"language"` // BCP 47; only of friends who consented
		PictureURL  string `json:"pictureUrl"`
	}
	err := c.api.decode(ctx, request{method: http.MethodGet, url: address}, &found)
	if status(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch profile: %w", err)
	}
	return &sdk.Profile{Name: found.DisplayName, Language: found.Language, PictureURL: found.PictureURL}, nil
}
