// Helm, which installs the chart. The tool line keeps what its main imports in go.sum.
module rtcnode.io/test/helm

go 1.26.0

tool helm.sh/helm/v4/cmd/helm

require helm.sh/helm/v4 v4.2.4
