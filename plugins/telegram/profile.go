package telegram

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	maxPicture = 1 << 20
	// pictureFor is how long the address of a picture works. The host looks up only whom it does not know yet.
	pictureFor = 365 * 24 * time.Hour
)

// FetchProfile looks a user up. Telegram tells of those who have started the bot, or share a group with it. The picture is
// passed on through the host, as its own address holds the bot token; without it the name is still worth having.
func (c *channel) FetchProfile(ctx context.Context, identity sdk.Identity, _ sdk.Thread) (*sdk.Profile, error) {
	id, err := strconv.ParseInt(identity.Value, 10, 64)
	if err != nil || id <= 0 || identity.Kind != userKind {
		return nil, nil
	}
	var found wireUser
	err = c.api.call(ctx, "getChat", struct {
		Chat int64 `json:"chat_id"`
	}{id}, &found)
	if code := status(err); code == http.StatusBadRequest || code == http.StatusForbidden {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch profile: %w", err)
	}
	profile := &sdk.Profile{Name: found.name(), Language: found.LanguageCode}
	if profile.PictureURL, err = c.picture(ctx, id); err != nil {
		c.log.Info("a customer's picture could not be had", "error", err)
	}
	return profile, nil
}

// picture publishes the smallest of the user's newest pictures; "" where there is none to be seen.
func (c *channel) picture(ctx context.Context, id int64) (string, error) {
	if c.account.Host == nil {
		return "", nil
	}
	var photos struct {
		Photos [][]wireFile `json:"photos"`
	}
	err := c.api.call(ctx, "getUserProfilePhotos", struct {
		User  int64 `json:"user_id"`
		Limit int   `json:"limit"`
	}{id, 1}, &photos)
	if err != nil || len(photos.Photos) == 0 || len(photos.Photos[0]) == 0 {
		return "", err
	}
	media, err := c.FetchMedia(ctx, photos.Photos[0][0].attachment("profile", "image/jpeg", ".jpg").Handle, maxPicture)
	if err != nil {
		return "", err
	}
	defer media.Body.Close()
	stored, err := c.account.Host.PutMedia(ctx, media.Type, media.Name, media.Body)
	if err != nil {
		return "", fmt.Errorf("store the picture: %w", err)
	}
	return c.account.Host.PublishMedia(ctx, stored, pictureFor)
}
