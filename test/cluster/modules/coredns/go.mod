// The DNS of test clusters: CoreDNS, built with the plugins that Services take.
module rtcnode.io/test/coredns

go 1.26.0

require github.com/coredns/coredns v1.15.0
