package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bakery-ia/tenant-deletion/saga"
)

const (
	lettersPath = "/api/v1/dead-letters"
	letterPath  = lettersPath + "/{id}"
)

func (a *API) mountDeadLetters() {
	register(a, operation{id: "listDeadLetters", method: http.MethodGet, path: lettersPath, tag: tagDeadLetters,
		summary: "List dead letters, newest first", description: "Open ones, unless the resolved are asked for too.",
		answer: exampleLetters}, a.listDeadLetters)
	register(a, operation{id: "getDeadLetter", method: http.MethodGet, path: letterPath, tag: tagDeadLetters,
		summary: "Read a dead letter with its message", description: "The message is there while it is kept.",
		refuses: []int{http.StatusNotFound}, answer: exampleLetter}, a.getDeadLetter)
	register(a, operation{id: "resendDeadLetter", method: http.MethodPost, path: letterPath + "/resend", tag: tagDeadLetters,
		summary: "Handle the message again", description: "The letter is closed when that went well, and stays open otherwise.",
		refuses: []int{http.StatusNotFound, http.StatusConflict}, answer: exampleLetter}, a.resendDeadLetter)
	register(a, operation{id: "discardDeadLetter", method: http.MethodPost, path: letterPath + "/discard", tag: tagDeadLetters,
		summary: "Close a dead letter without handling it", description: "With the reason, which stays with the letter.",
		refuses: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
		body:    Discard{Reason: "sent by a test"}, answer: exampleLetter}, a.discardDeadLetter)
}

type listLettersInput struct {
	Consumer  string `query:"consumer" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"Letters that this consumer could not handle."`
	Resolved  bool   `query:"resolved" doc:"The resolved ones too."`
	Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"The most letters on a page."`
	PageToken string `query:"page_token" maxLength:"512" doc:"The next_page_token of the page before."`
}

func (in *listLettersInput) filters() url.Values {
	v := url.Values{}
	if in.Consumer != "" {
		v.Set("consumer", in.Consumer)
	}
	if in.Resolved {
		v.Set("resolved", "true")
	}
	return v
}

type lettersAnswer struct {
	Link string `header:"Link" doc:"The next page, as rel=next."`
	Body DeadLetters
}

func (a *API) listDeadLetters(ctx context.Context, _ Caller, in *listLettersInput) (*lettersAnswer, error) {
	filters := in.filters()
	before, err := numberAfter(in.PageToken, "listDeadLetters", filters)
	if err != nil {
		return nil, invalidField("query.page_token", errPage.Error())
	}
	letters, err := a.cfg.Repair.DeadLetters(ctx, saga.DeadFilter{Before: before, Consumer: in.Consumer, Limit: in.Limit + 1,
		Resolved: in.Resolved})
	if err != nil {
		return nil, err
	}
	letters, more := cut(letters, in.Limit)
	out := &lettersAnswer{Body: DeadLetters{DeadLetters: make([]DeadLetter, 0, len(letters))}}
	for i := range letters {
		out.Body.DeadLetters = append(out.Body.DeadLetters, letterOf(letters[i], false))
	}
	if more {
		last := strconv.FormatInt(letters[len(letters)-1].ID, 10)
		out.Body.NextPageToken = pageToken("listDeadLetters", filters, last)
		out.Link = nextLink(lettersPath, filters, in.Limit, out.Body.NextPageToken)
	}
	return out, nil
}

// numberAfter is the number that a page begins behind.
func numberAfter(token, list string, filters url.Values) (int64, error) {
	after, err := pageAfter(token, list, filters)
	if err != nil || after == "" {
		return 0, err
	}
	id, err := strconv.ParseInt(after, 10, 64)
	if err != nil || id < 1 {
		return 0, errPage
	}
	return id, nil
}

// LetterPath is the dead letter that a path names.
type LetterPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The letter's number."`
}

type letterAnswer struct{ Body DeadLetter }

func (a *API) getDeadLetter(ctx context.Context, _ Caller, in *LetterPath) (*letterAnswer, error) {
	return a.letter(ctx, in.ID)
}

func (a *API) letter(ctx context.Context, id int64) (*letterAnswer, error) {
	letter, err := a.cfg.Repair.DeadLetter(ctx, id)
	if err != nil {
		return nil, err
	}
	return &letterAnswer{Body: letterOf(letter, true)}, nil
}

func (a *API) resendDeadLetter(ctx context.Context, caller Caller, in *LetterPath) (*letterAnswer, error) {
	if err := a.cfg.Repair.Resend(ctx, in.ID, caller.Subject); err != nil {
		return nil, err
	}
	return a.letter(ctx, in.ID)
}

type discardInput struct {
	LetterPath
	Body Discard
}

func (a *API) discardDeadLetter(ctx context.Context, caller Caller, in *discardInput) (*letterAnswer, error) {
	if err := a.cfg.Repair.Discard(ctx, in.ID, caller.Subject, in.Body.Reason); err != nil {
		return nil, err
	}
	return a.letter(ctx, in.ID)
}
