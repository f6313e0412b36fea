package reports

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"strings"
)

//go:embed mail.tmpl
var mailTemplate string

var mailHTML = template.Must(template.New("mail").Funcs(template.FuncMap{
	"marked": marked,
	"color":  func(name string) template.CSS { return template.CSS(lightColor(name)) },
	"cid":    func(cid string) template.URL { return template.URL("cid:" + cid) },
	"tone":   toneName,
	"dark":   mailDark,
}).Parse(mailTemplate))

// toneName is the name of the colour of a severity, or of what has none.
func toneName(tone, none string) string {
	for _, s := range severities {
		if strings.EqualFold(s, tone) {
			return s
		}
	}
	return none
}

// mailDark are the colours for the dark: mail programs that know of it have no
// variables, so each colour has a class for letters, grounds and edges.
func mailDark() template.CSS {
	var b strings.Builder
	for _, l := range looks {
		for _, p := range [][2]string{{"c", "color"}, {"b", "background-color"}, {"l", "border-color"}} {
			fmt.Fprintf(&b, ".%s-%s{%s:#%s!important}\n", p[0], l.name, p[1], hexColor(l.dark))
		}
	}
	return template.CSS(b.String())
}

// html says a mail as html that mail programs take: tables, and styles in the
// elements.
func (p mailPage) html(title string) (string, error) {
	var b strings.Builder
	page := struct {
		mailPage
		Title string
	}{p, title}
	if err := mailHTML.ExecuteTemplate(&cleanText{w: &b}, "mail", page); err != nil {
		return "", err
	}
	return b.String(), nil
}

// mailChartWidth is the width of a mail's chart, in units of a drawing: on a phone
// they are a pixel or a little less.
const mailChartWidth = 320

// mailPicture is the chart of a mail, with pixels enough for a sharp screen; nil
// where there is nothing to draw.
func (r *Report) mailPicture(fonts Fonts) (*mailChart, []Image, error) {
	if r.chart.empty() {
		return nil, nil, nil
	}
	data, err := r.chart.narrow(mailChartWidth).png(fonts, 2.5)
	if err != nil {
		return nil, nil, fmt.Errorf("draw the chart: %w", err)
	}
	sum := sha256.Sum256(data)
	cid := "chart-" + hex.EncodeToString(sum[:8]) + "@exporter"
	return &mailChart{cid, r.chart.heading(r.madeOn())}, []Image{{cid, "image/png", data}}, nil
}
