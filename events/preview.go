package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The shapes of previews, which travel without an envelope.
var (
	previewShape        = shapeFor[Preview]()
	previewRequestShape = shapeFor[PreviewRequest]()
)

// EncodePreviewRequest checks the question and turns it into the body of a request.
func EncodePreviewRequest(r PreviewRequest) ([]byte, error) {
	body, err := encodeBody(r, r.validate())
	if err != nil {
		return nil, fmt.Errorf("events: encode preview request: %w", err)
	}
	return body, nil
}

// DecodePreviewRequest reads the body of a request as strictly as Decode reads events.
func DecodePreviewRequest(body []byte) (PreviewRequest, error) {
	var r PreviewRequest
	if err := decodeBody(body, &r, "preview request", previewRequestShape); err != nil {
		return PreviewRequest{}, err
	}
	if err := r.validate(); err != nil {
		return PreviewRequest{}, fmt.Errorf("preview request: %w", err)
	}
	return r, nil
}

// EncodePreview checks the answer and turns it into the body of a reply. An answer that DecodePreview would refuse is an
// error here.
func EncodePreview(p Preview) ([]byte, error) {
	body, err := encodeBody(p, p.validate())
	if err != nil {
		return nil, fmt.Errorf("events: encode preview: %w", err)
	}
	return body, nil
}

// DecodePreview reads the body of a reply. It accepts an answer only when it says something: a count for every place that
// was looked at, or why there is none. Whether it is the answer to the question asked, the asker compares.
func DecodePreview(body []byte) (Preview, error) {
	var p Preview
	if err := decodeBody(body, &p, "preview", previewShape); err != nil {
		return Preview{}, err
	}
	if err := p.validate(); err != nil {
		return Preview{}, fmt.Errorf("preview: %w", err)
	}
	return p, nil
}

func encodeBody(value any, invalid error) ([]byte, error) {
	if invalid != nil {
		return nil, invalid
	}
	body, err := json.Marshal(value)
	if err == nil && len(body) > bodyBytesMax {
		err = fmt.Errorf("body: %w: larger than %d bytes", ErrInvalid, bodyBytesMax)
	}
	return body, err
}

func decodeBody(body []byte, value any, what string, is *shape) error {
	if len(body) > bodyBytesMax {
		return fmt.Errorf("%s: %w: larger than %d bytes", what, ErrInvalid, bodyBytesMax)
	}
	if err := json.Unmarshal(body, value); err != nil {
		return fmt.Errorf("%s: %w: not the JSON the schema describes", what, ErrInvalid)
	}
	s := &speller{body: body, what: what}
	return s.check(is)
}

func (r *PreviewRequest) validate() error { return r.TenantID.Validate() }

func (p *Preview) validate() error {
	_, nameErr := ParseParticipant(string(p.ServiceName))
	errs := []error{nameErr, p.TenantID.Validate(), checkCountsOf("counts", p.Counts),
		must(p.Error != nil || len(p.Counts) > 0, "counts", "must name what was looked at, when there is no error"),
		must(len(p.Kept) <= tablesMax, "kept", "must name at most 1024 tables")}
	for table, reason := range p.Kept {
		errs = append(errs, must(tableForm.MatchString(table) && utf8.ValidString(table) && len(reason) <= detailBytesMax, "kept",
			"must map table names to reasons of at most 512 bytes"))
	}
	if p.Error != nil {
		errs = append(errs, must(reasonForm.MatchString(p.Error.Code), "error.code", "must be a code of a-z and _"),
			must(len(p.Error.Detail) <= detailBytesMax, "error.detail", "must be at most 512 bytes"))
	}
	return errors.Join(errs...)
}
