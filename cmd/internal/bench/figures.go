package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// Figure is one measured number; a line of bench.jsonl.
type Figure struct {
	Name     string         `json:"name"`
	Value    float64        `json:"value"`
	Unit     string         `json:"unit"`
	Settings map[string]any `json:"settings"`
	At       time.Time      `json:"at"`
}

// figures collects what a run measured.
type figures struct {
	list []Figure
	base map[string]any // settings that hold for the whole run
}

func newFigures() *figures {
	return &figures{base: map[string]any{
		"cores": runtime.NumCPU(), "go": runtime.Version(), "fsync": true, "nats_sync": "100ms",
	}}
}

func (f *figures) add(name string, value float64, unit string, settings map[string]any) {
	all := map[string]any{}
	for key, v := range f.base {
		all[key] = v
	}
	for key, v := range settings {
		all[key] = v
	}
	f.list = append(f.list, Figure{Name: name, Value: value, Unit: unit, Settings: all, At: time.Now().UTC()})
}

// print writes the figures as a table.
func (f *figures) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tvalue\tunit\tsettings")
	for _, figure := range f.list {
		fmt.Fprintf(t, "%s\t%.3f\t%s\t%s\n", figure.Name, figure.Value, figure.Unit, describe(figure.Settings, f.base))
	}
	return t.Flush()
}

// describe names the settings that only this figure has.
func describe(settings, base map[string]any) string {
	var names []string
	for key := range settings {
		if _, common := base[key]; !common {
			names = append(names, key)
		}
	}
	slices.Sort(names)
	text := ""
	for _, name := range names {
		text += fmt.Sprintf("%s=%v ", name, settings[name])
	}
	return text
}

// appendTo adds one JSON object per figure to the file.
func (f *figures) appendTo(path string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("bench: open results: %w", err)
	}
	encoder := json.NewEncoder(file)
	for _, figure := range f.list {
		if err := encoder.Encode(figure); err != nil {
			return fmt.Errorf("bench: write results: %w", err)
		}
	}
	return file.Close()
}

// quantile of a sample; the sample is sorted in place.
func quantile(sample []time.Duration, q float64) time.Duration {
	if len(sample) == 0 {
		return 0
	}
	slices.Sort(sample)
	return sample[min(int(q*float64(len(sample))), len(sample)-1)]
}

// median of a sample of numbers; the sample is sorted in place.
func median(sample []float64) float64 {
	slices.Sort(sample)
	if len(sample) == 0 {
		return 0
	}
	if len(sample)%2 == 1 {
		return sample[len(sample)/2]
	}
	return (sample[len(sample)/2-1] + sample[len(sample)/2]) / 2
}
