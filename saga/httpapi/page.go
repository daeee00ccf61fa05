package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
)

// pageVersion changes when tokens mean something else; older ones are refused then.
const pageVersion = 1

// page is what a token holds. It is opaque to callers and no secret: it says nothing that the page before did not say.
type page struct {
	Version int    `json:"v"`
	List    string `json:"l"` // the operation it belongs to
	Filters string `json:"f"` // a digest of the filters it was made with
	After   string `json:"a"` // the id of the last one seen
}

var (
	errPage   = errors.New("is no token of this list with these filters")
	pageCodec = base64.RawURLEncoding.Strict()
)

// pageToken continues a list behind the given id.
func pageToken(list string, filters url.Values, after string) string {
	token, err := json.Marshal(page{Version: pageVersion, List: list, Filters: digest(filters), After: after})
	if err != nil {
		panic(err) // four plain fields
	}
	return pageCodec.EncodeToString(token)
}

// pageAfter reads a token of the list with these filters; no token is the beginning. What it returns is as untrusted as every
// other id.
func pageAfter(token, list string, filters url.Values) (after string, err error) {
	if token == "" {
		return "", nil
	}
	body, err := pageCodec.DecodeString(token)
	if err != nil {
		return "", errPage
	}
	var p page
	// Made again it must be the same: that compares the version, the list and the filters, and leaves no second spelling.
	if json.Unmarshal(body, &p) != nil || p.After == "" || pageToken(list, filters, p.After) != token {
		return "", errPage
	}
	return p.After, nil
}

func digest(filters url.Values) string {
	sum := sha256.Sum256([]byte(filters.Encode()))
	return pageCodec.EncodeToString(sum[:12])
}

// cut takes the one off a list that was asked for beyond the limit, and reports whether it was there.
func cut[T any](list []T, limit int) (page []T, more bool) {
	if len(list) <= limit {
		return list, false
	}
	return list[:limit], true
}
