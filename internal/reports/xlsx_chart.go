package reports

import (
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// graph places the chart, which Excel draws from the numbers on the method
// sheet.
func (s *summaryWriter) graph() error {
	ch := s.r.chart
	if ch.empty() {
		return nil
	}
	if err := s.heading(ch.heading(s.r.madeOn())); err != nil {
		return err
	}
	text := excelize.Font{Family: sheetFont, Size: 9, Color: hexColor(muted)}
	format := "#,##0.##"
	if ch.format() == formatShare {
		format = "0.0 %"
	}
	low, high, step := ch.axis()
	chart := &excelize.Chart{
		Type:      excelize.ColStacked,
		Dimension: excelize.ChartDimension{Width: 860, Height: 260},
		Legend:    excelize.ChartLegend{Position: "none"},
		XAxis:     excelize.ChartAxis{Font: text, TickLabelPosition: excelize.ChartTickLabelLow},
		YAxis: excelize.ChartAxis{Font: text, MajorGridLines: true, Minimum: &low, Maximum: &high, MajorUnit: step,
			NumFmt: excelize.ChartNumFmt{CustomNumFmt: strings.TrimSuffix(format, ".##")}},
		Border:       excelize.LineOptions{Type: excelize.LineNone},
		GapWidth:     new(uint(60)),
		ShowBlanksAs: "gap",
		Format:       excelize.GraphicOptions{AltText: ch.title, Positioning: "oneCell"},
	}
	if ch.lines() {
		chart.Type, chart.GapWidth = excelize.Line, nil
	} else if len(ch.labels) <= 20 {
		chart.PlotArea = excelize.ChartPlotArea{ShowVal: true, NumFmt: excelize.ChartNumFmt{CustomNumFmt: "#,##0;-#,##0;"}}
	}
	if len(ch.labels) > 16 {
		chart.XAxis.TickLabelSkip = (len(ch.labels) + 15) / 16
	}
	if len(ch.named()) > 0 {
		chart.Legend = excelize.ChartLegend{Position: "right", Font: &text}
	}
	for i := range ch.def.Series {
		if i > 0 && !slices.Contains(ch.named(), i) {
			continue // nothing but zeros
		}
		chart.Series = append(chart.Series, s.series(ch, i))
	}
	if err := s.f.AddChart(summarySheet, cellName(firstColumn, s.row), chart); err != nil {
		return err
	}
	s.row += 14
	return nil
}

// series is a series of the chart by the place of its numbers. Lines differ in
// their dashes and marks as well as in colour.
func (s *summaryWriter) series(ch *chartTable, i int) excelize.ChartSeries {
	cell := func(column, row int) string {
		name, _ := excelize.CoordinatesToCellName(column, row, true)
		return name
	}
	column := func(n int) string {
		return quoteSheet(methodSheet) + "!" + cell(n, s.chart.first) + ":" + cell(n, s.chart.last)
	}
	fill := excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{hexColor(seriesColor(i, ch.def.Series[i].Tone))}}
	x := excelize.ChartSeries{
		Name:       quoteSheet(methodSheet) + "!" + cell(i+2, s.chart.header),
		Categories: column(1),
		Values:     column(i + 2),
		Fill:       fill,
		DataLabel:  excelize.ChartDataLabel{Font: excelize.Font{Family: sheetFont, Size: 9, Bold: true, Color: hexColor(white)}},
	}
	if ch.lines() {
		dashes := []excelize.LineDashType{excelize.LineDashSolid, excelize.LineDashDash, excelize.LineDashSysDot, excelize.LineDashLgDashDot}
		marks := []string{"circle", "square", "triangle", "diamond"}
		x.Line = excelize.LineOptions{Type: excelize.LineSolid, Width: 2, Dash: dashes[i%len(dashes)], Fill: fill}
		x.Marker = excelize.ChartMarker{Symbol: marks[i%len(marks)], Size: 5, Fill: fill}
		if len(ch.labels) > 31 {
			x.Marker = excelize.ChartMarker{Symbol: "none"}
		}
	}
	return x
}
