package demo

import (
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/bakery-ia/tenant-deletion/events"
)

// barWidth keeps a bar with its labels inside 80 columns.
const barWidth = 32

// bars shows one live progress bar per participant on a terminal, and one line per finished participant elsewhere.
type bars struct {
	mu       sync.Mutex
	progress *mpb.Progress // nil when the output is no terminal
	bars     map[events.Participant]*mpb.Bar
	page     *page
	done     map[events.Participant]bool
}

func newBars(p *page, terminal bool, order []events.Participant, totals map[events.Participant]int64) *bars {
	b := &bars{page: p, bars: map[events.Participant]*mpb.Bar{}, done: map[events.Participant]bool{}}
	if !terminal {
		return b
	}
	b.progress = mpb.New(mpb.WithOutput(p.w), mpb.WithWidth(barWidth))
	for _, name := range order {
		b.bars[name] = b.progress.AddBar(max(totals[name], 1),
			mpb.PrependDecorators(decor.Name("   "+string(name), decor.WC{W: 20, C: decor.DindentRight})),
			mpb.AppendDecorators(decor.CurrentNoUnit(" %d"), decor.TotalNoUnit("/ %d rows")))
	}
	return b
}

// moved takes a progress event.
func (b *bars) moved(p *events.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bar := b.bars[p.ServiceName]; bar != nil && !b.done[p.ServiceName] {
		bar.SetCurrent(p.Deleted)
	}
}

// finished takes a result event; repeats are ignored.
func (b *bars) finished(r *events.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done[r.ServiceName] {
		return
	}
	b.done[r.ServiceName] = true
	if bar := b.bars[r.ServiceName]; bar != nil {
		bar.SetTotal(max(r.Total(), 1), false)
		bar.SetCurrent(max(r.Total(), 1))
		bar.SetTotal(-1, true)
		return
	}
	if b.progress == nil {
		b.page.line("   %-18s %10s rows", r.ServiceName, thousands(r.Total()))
	}
}

// close ends the bars that never finished and waits for the last drawing.
func (b *bars) close() {
	if b.progress == nil {
		return
	}
	b.mu.Lock()
	for name, bar := range b.bars {
		if !b.done[name] {
			bar.Abort(false)
		}
	}
	b.mu.Unlock()
	b.progress.Wait()
}
