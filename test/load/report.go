package main

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// report writes one JSON object a line, and counts for the summary.
type report struct {
	packets       atomic.Int64
	lock          sync.Mutex
	out           *json.Encoder
	counts        map[string]int
	joinLatencyMs []float64
}

func newReport(out io.Writer) *report {
	return &report{out: json.NewEncoder(out), counts: map[string]int{}}
}

func (r *report) event(event, participant string, fields map[string]any) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.counts[event]++
	r.write(event, participant, fields)
}

func (r *report) joined(participant string, latency time.Duration) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.counts["joined"]++
	ms := float64(latency.Microseconds()) / 1000
	r.joinLatencyMs = append(r.joinLatencyMs, ms)
	r.write("joined", participant, map[string]any{"joinLatencyMs": ms})
}

func (r *report) write(event, participant string, fields map[string]any) {
	line := map[string]any{"event": event, "participant": participant, "at": time.Now().UTC()}
	for name, value := range fields {
		line[name] = value
	}
	_ = r.out.Encode(line)
}

func (r *report) summary() {
	r.lock.Lock()
	defer r.lock.Unlock()
	slices.Sort(r.joinLatencyMs)
	_ = r.out.Encode(map[string]any{
		"event":            "summary",
		"joined":           r.counts["joined"],
		"left":             r.counts["left"],
		"cut":              r.counts["cut"],
		"failed":           r.counts["failed"],
		"reconnected":      r.counts["reconnected"],
		"packets":          r.packets.Load(),
		"joinLatencyMsP50": r.quantile(0.50),
		"joinLatencyMsP99": r.quantile(0.99),
	})
}

// quantile by nearest rank; null in the summary when nobody joined.
func (r *report) quantile(q float64) any {
	if len(r.joinLatencyMs) == 0 {
		return nil
	}
	rank := int(math.Ceil(q * float64(len(r.joinLatencyMs))))
	return r.joinLatencyMs[max(rank, 1)-1]
}
