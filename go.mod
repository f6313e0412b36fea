module exporter

go 1.26.0

require (
	charm.land/bubbles/v2 v2.2.1 // editing several lines at the prompt of sql
	charm.land/bubbletea/v2 v2.1.1 // the prompt's terminal: keys, pastes, wide characters, narrow windows
	codeberg.org/go-pdf/fpdf v0.12.0 // PDF; the maintained continuation of gofpdf
	filippo.io/age v1.3.2 // evidence encrypted to auditors, to SSH keys too
	github.com/duckdb/duckdb-go/v2 v2.10505.0 // snapshots and SQL; where go-duckdb moved
	github.com/elastic/go-seccomp-bpf v1.6.0 // takes the system calls that a query must not make
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6 // tests: authentication of the mail server that misbehaves
	github.com/emersion/go-smtp v0.25.1 // tests: a mail server that misbehaves
	github.com/goccy/go-yaml v1.19.2 // reports.yaml; errors with line and column
	github.com/google/go-cmp v0.7.0 // tests: differences
	github.com/hiddeco/sshsig v0.2.0 // signatures that ssh-keygen -Y verify takes
	github.com/jedib0t/go-pretty/v6 v6.8.3 // tables on the terminal; knows wide characters
	github.com/klauspost/compress v1.20.3 // zstd of landed pages, deflate of workbooks and bundles
	github.com/landlock-lsm/go-landlock v0.11.0 // what a query may reach, kept by the kernel
	github.com/notaryproject/tspclient-go v1.0.0 // time stamps (RFC 3161)
	github.com/prometheus/client_golang v1.25.0 // metrics of serve
	github.com/robfig/cron/v3 v3.0.1 // what a cron line means
	github.com/rogpeppe/go-internal v1.16.0 // tests: scripts
	github.com/spf13/cobra v1.10.2 // commands, completion
	github.com/wneessen/go-mail v0.8.1 // composing and sending mails
	github.com/xuri/excelize/v2 v2.11.0 // workbooks, native charts
	golang.org/x/crypto v0.57.0 // keys in the format of OpenSSH
	golang.org/x/image v0.47.0 // Go fonts, drawing charts of mails
	golang.org/x/net v0.59.0 // reading html back
	golang.org/x/sync v0.24.0 // workers that end at the first error
	golang.org/x/sys v0.49.0 // locks, free space
	golang.org/x/term v0.47.0 // width of the terminal
	golang.org/x/time v0.16.0 // rate of requests
)

require (
	charm.land/lipgloss/v2 v2.0.5 // indirect
	filippo.io/edwards25519 v1.2.0 // indirect
	filippo.io/hpke v0.4.0 // indirect
	github.com/apache/arrow-go/v18 v18.5.1 // indirect
	github.com/atotto/clipboard v0.1.4 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/charmbracelet/colorprofile v0.4.3 // indirect
	github.com/charmbracelet/ultraviolet v0.0.0-20261008173134-6b8d4baf91b4 // indirect
	github.com/charmbracelet/x/ansi v0.11.9 // indirect
	github.com/charmbracelet/x/term v0.2.2 // indirect
	github.com/charmbracelet/x/termios v0.1.1 // indirect
	github.com/charmbracelet/x/windows v0.2.2 // indirect
	github.com/clipperhouse/displaywidth v0.11.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/duckdb/duckdb-go-bindings v0.10505.0 // indirect
	github.com/duckdb/duckdb-go-bindings/lib/darwin-amd64 v0.10505.0 // indirect
	github.com/duckdb/duckdb-go-bindings/lib/darwin-arm64 v0.10505.0 // indirect
	github.com/duckdb/duckdb-go-bindings/lib/linux-amd64 v0.10505.0 // indirect
	github.com/duckdb/duckdb-go-bindings/lib/linux-arm64 v0.10505.0 // indirect
	github.com/duckdb/duckdb-go-bindings/lib/windows-amd64 v0.10505.0 // indirect
	github.com/go-viper/mapstructure/v2 v2.5.0 // indirect
	github.com/goccy/go-json v0.10.5 // indirect
	github.com/google/flatbuffers v25.12.19+incompatible // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/klauspost/cpuid/v2 v2.3.0 // indirect
	github.com/lucasb-eyer/go-colorful v1.4.1 // indirect
	github.com/mattn/go-runewidth v0.0.30 // indirect
	github.com/muesli/cancelreader v0.2.2 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/pierrec/lz4/v4 v4.1.25 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/richardlehane/mscfb v1.0.7 // indirect
	github.com/richardlehane/msoleps v1.0.6 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	github.com/tiendc/go-deepcopy v1.7.2 // indirect
	github.com/xo/terminfo v1.0.0 // indirect
	github.com/xuri/efp v0.0.1 // indirect
	github.com/xuri/nfp v0.0.2-0.20250530014748-2ddeb826f9a9 // indirect
	github.com/zeebo/xxh3 v1.1.0 // indirect
	golang.org/x/exp v0.0.0-20260112195511-716be5621a96 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/telemetry v0.0.0-20260924152758-ed294f943157 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	golang.org/x/xerrors v0.0.0-20240903120638-7835f813f4da // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	kernel.org/pub/linux/libs/security/libcap/psx v1.2.77 // indirect
)
