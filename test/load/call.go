package main

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/livekit/protocol/livekit"
	protocollogger "github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

// call is one participant's stay in a room: it joins once and ends once, by its own leave, by a cut or by a failed join.
type call struct {
	name      string
	roomName  string
	publish   bool
	report    *report
	ended     chan struct{}
	hasEnded  atomic.Bool
	lock      sync.Mutex
	room      *lksdk.Room // nil until joined
	leaving   bool
	kickedFor string // the reason the server gave for throwing us out, if it gave one
}

func newCall(name, roomName string, publish bool, report *report) *call {
	return &call{name: name, roomName: roomName, publish: publish, report: report, ended: make(chan struct{})}
}

// join measures from the first byte sent to a connected media transport.
func (c *call) join(s settings) {
	room := lksdk.NewRoom(&lksdk.RoomCallback{
		OnDisconnectedWithReason: c.cut,
		OnReconnecting:           func() { c.report.event("reconnecting", c.name, nil) },
		OnReconnected:            func() { c.report.event("reconnected", c.name, nil) },
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
				c.receive(track)
			},
			OnDataPacket: func(packet lksdk.DataPacket, _ lksdk.DataReceiveParams) {
				if message, ok := packet.(*lksdk.UserDataPacket); ok {
					c.report.event("told", c.name, map[string]any{"topic": message.Topic, "message": string(message.Payload)})
				}
			},
		},
	})
	room.SetLogger(protocollogger.LogRLogger(logr.New(leaveReasonSink{c})))
	began := time.Now()
	err := room.Join(s.url, lksdk.ConnectInfo{
		APIKey: s.key, APISecret: s.secret, RoomName: c.roomName, ParticipantIdentity: c.name,
	})
	if err != nil {
		c.end("failed", map[string]any{"reason": err.Error()})
		return
	}
	c.report.joined(c.name, time.Since(began))

	c.lock.Lock()
	c.room = room
	leaving := c.leaving
	c.lock.Unlock()
	if leaving { // told to while still joining
		c.leave()
		return
	}
	if c.publish {
		if err := publishSilence(room); err != nil {
			c.report.event("unpublished", c.name, map[string]any{"reason": err.Error()})
		}
	}
}

func (c *call) leave() {
	c.lock.Lock()
	c.leaving = true
	room := c.room
	c.lock.Unlock()
	if room == nil {
		return
	}
	if c.hasEnded.CompareAndSwap(false, true) {
		c.report.event("left", c.name, nil)
		room.Disconnect() // before anybody takes us for ended and exits, else the server waits for us for a while
		close(c.ended)
	}
}

func (c *call) cut(reason lksdk.DisconnectionReason) {
	c.lock.Lock()
	given := c.kickedFor
	c.lock.Unlock()
	if given == "" {
		given = string(reason)
	}
	c.end("cut", map[string]any{"reason": given})
}

// end reports the first end only: a leave is followed by the disconnect it causes.
func (c *call) end(event string, fields map[string]any) {
	if c.hasEnded.CompareAndSwap(false, true) {
		c.report.event(event, c.name, fields)
		close(c.ended)
	}
}

func (c *call) receive(track *webrtc.TrackRemote) {
	for {
		if _, _, err := track.ReadRTP(); err != nil {
			return
		}
		c.report.packets.Add(1)
	}
}

func publishSilence(room *lksdk.Room) error {
	track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2})
	if err != nil {
		return err
	}
	if err := track.StartWrite(lksdk.NewNullSampleProvider(32000), nil); err != nil {
		return err
	}
	_, err = room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{Name: "silence", Source: livekit.TrackSource_MICROPHONE})
	return err
}

// leaveReasonSink discards all that the SDK logs but the server's own reason for a disconnect: the SDK's callback
// folds ROOM_DELETED, SERVER_SHUTDOWN and others into "other reasons".
type leaveReasonSink struct{ call *call }

func (leaveReasonSink) Init(logr.RuntimeInfo)            {}
func (leaveReasonSink) Enabled(level int) bool           { return level == 0 }
func (leaveReasonSink) Error(error, string, ...any)      {}
func (s leaveReasonSink) WithValues(...any) logr.LogSink { return s }
func (s leaveReasonSink) WithName(string) logr.LogSink   { return s }
func (s leaveReasonSink) Info(_ int, _ string, pairs ...any) {
	for _, value := range pairs {
		if reason, ok := value.(livekit.DisconnectReason); ok {
			s.call.lock.Lock()
			s.call.kickedFor = reason.String()
			s.call.lock.Unlock()
		}
	}
}
