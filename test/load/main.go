// Loader puts real participants with real media into rooms of a LiveKit server, and tells as JSON lines on
// standard output what became of each. Standard input steers it: "leave <participant>" or "leave-all".
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

type settings struct {
	url, key, secret, room, prefix string
	participants, publishers       int
	roomSize                       int
	ramp, stay, hold, leaveEvery   time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.url, "url", "", "the server, as ws://host:port")
	flag.StringVar(&s.key, "key", "", "API key")
	flag.StringVar(&s.secret, "secret", "", "API secret")
	flag.StringVar(&s.room, "room", "load", "room to join")
	flag.StringVar(&s.prefix, "prefix", "p", "participants are called <prefix>1, <prefix>2, …; an identity can be in a room once")
	flag.IntVar(&s.participants, "participants", 2, "how many join")
	flag.IntVar(&s.publishers, "publishers", 1, "how many of them publish audio; all of them receive it")
	flag.IntVar(&s.roomSize, "room-size", 0, "so many meet in <room>-1, the next in <room>-2, …; 0 puts all into <room>")
	flag.DurationVar(&s.ramp, "ramp", 0, "the joins are spread over this time")
	flag.DurationVar(&s.stay, "stay", 0, "each leaves so long after its own join; 0 lets --hold decide")
	flag.DurationVar(&s.hold, "hold", 0, "from the last join to the first leave; 0 waits to be told on standard input")
	flag.DurationVar(&s.leaveEvery, "leave-every", 0, "between two leaves; 0 lets all leave at once")
	flag.Parse()
	if s.url == "" || s.key == "" || s.secret == "" || s.participants < 1 {
		fmt.Fprintln(os.Stderr, "loader: --url, --key, --secret and at least one participant are needed")
		os.Exit(2)
	}
	run(s)
}

// run returns when nobody is in a room any more, having reported the summary.
func run(s settings) {
	report := newReport(os.Stdout)
	calls := make([]*call, s.participants)
	for i := range calls {
		calls[i] = newCall(fmt.Sprintf("%s%d", s.prefix, i+1), s.roomOf(i), i < s.publishers, report)
	}
	go obey(calls)

	var joins sync.WaitGroup
	for i, c := range calls {
		joins.Add(1)
		time.AfterFunc(s.ramp*time.Duration(i)/time.Duration(len(calls)), func() {
			defer joins.Done()
			c.join(s)
			if s.stay > 0 {
				time.AfterFunc(s.stay, c.leave)
			}
		})
	}
	joins.Wait()
	if s.hold > 0 {
		time.AfterFunc(s.hold, func() { leaveOneByOne(calls, s.leaveEvery) })
	}
	for _, c := range calls {
		<-c.ended
	}
	report.summary()
}

func (s settings) roomOf(participant int) string {
	if s.roomSize == 0 {
		return s.room
	}
	return fmt.Sprintf("%s-%d", s.room, participant/s.roomSize+1)
}

func obey(calls []*call) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		leaveOneByOne(calls, 0)
	}()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		command, name, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		switch command {
		case "leave":
			for _, c := range calls {
				if c.name == name {
					c.leave()
				}
			}
		case "leave-all":
			leaveOneByOne(calls, 0)
		default:
			fmt.Fprintf(os.Stderr, "loader: unknown command %q\n", command)
		}
	}
}

func leaveOneByOne(calls []*call, every time.Duration) {
	for _, c := range calls {
		c.leave()
		time.Sleep(every)
	}
}
