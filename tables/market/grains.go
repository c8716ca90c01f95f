package market

import (
	"slices"
	"strings"

	"argo/tables"
)

// maxParts is how many ads or keywords an ad group can deliver at once; more
// stay without impressions.
const maxParts = 16

// emitter gives the facts of one ad group.
type emitter struct {
	v     *view
	q     Query
	group int64
	cache *groupCache
	fact  Fact
	yield func(Fact) bool
}

func (e *emitter) day(day tables.Day, begin, end int64) bool {
	d := e.v.evaluate(e.group, e.cache, day, begin, end)
	if d == nil {
		return true
	}
	e.fact.Day = day
	switch e.q.Grain {
	case ByAd:
		return e.children(d, e.ads(d, day))
	case ByKeyword, ByTerm:
		if e.cache.form != Search {
			return true
		}
		return e.children(d, e.keywords(d, day))
	}
	return e.emit(e.fact, d.cells)
}

// emit gives one fact for each slot, or their sum.
func (e *emitter) emit(f Fact, cells []Figures) bool {
	for i, cell := range cells {
		if !e.q.Split {
			f.Figures.Add(cell)
			continue
		}
		f.Device, f.Network, f.Figures = e.cache.slots[i].device, e.cache.slots[i].network, cell
		if !cell.Zero() && !e.yield(f) {
			return false
		}
	}
	return e.q.Split || f.Zero() || e.yield(f)
}

// child is an ad or a keyword with its part of the day.
type child struct {
	id int64
	part
}

// children partitions every slot over kids and gives their facts.
func (e *emitter) children(d *daily, kids []child) bool {
	if len(kids) == 0 {
		return true
	}
	parts := make([]part, len(kids))
	for i, k := range kids {
		parts[i] = k.part
	}
	cells, claims := divide(d.cells, d.claims, parts, e.cache.unit)
	for i, k := range kids {
		f := e.fact
		if e.q.Grain == ByAd {
			f.Ad = k.id
		} else {
			f.Keyword = k.id
		}
		if e.q.Grain != ByTerm {
			if !e.emit(f, cells[i]) {
				return false
			}
			continue
		}
		terms, parts := e.v.terms(k.id, f.Day)
		cells, _ := divide(cells[i], claims[i], parts, e.cache.unit)
		for j := range terms {
			f.Term = terms[j]
			if !e.emit(f, cells[j]) {
				return false
			}
		}
	}
	return true
}

// divide partitions each slot's figures over parts, and sends each claim to the
// part that has its click: by part, then by slot.
func divide(slots []Figures, claims []claim, parts []part, unit int64) ([][]Figures, [][]claim) {
	cells := make([][]Figures, len(parts))
	block := make([]Figures, len(parts)*len(slots))
	for i := range cells {
		cells[i] = block[i*len(slots) : (i+1)*len(slots)]
	}
	var row [maxParts]Figures
	for s, whole := range slots {
		if whole.Impressions == 0 {
			continue
		}
		partition(row[:len(parts)], whole, parts, unit)
		for i := range parts {
			cells[i][s] = row[i]
		}
	}
	out := make([][]claim, len(parts))
	for _, k := range claims {
		i := 0
		for k.click >= cells[i][k.slot].Clicks {
			k.click -= cells[i][k.slot].Clicks
			i++
		}
		cells[i][k.slot].Add(k.Figures)
		out[i] = append(out[i], k)
	}
	return cells, out
}

// on is the part of the delivered volume during which ok held.
func (d *daily) on(ok func(at int64) bool) float64 {
	total, sum := 0.0, 0.0
	for _, p := range d.pieces {
		x := p.share * p.volume
		if total += x; x > 0 && ok(p.from) {
			sum += x
		}
	}
	return sum / total
}

func (e *emitter) ads(d *daily, day tables.Day) []child {
	var out []child
	for _, id := range e.v.s.ads.parents[e.group] {
		entity := e.v.s.ads.byID[id]
		on := d.on(func(at int64) bool {
			a, ok := entity.at(at)
			return ok && a.Status == Enabled
		})
		if on > 0 && len(out) < maxParts {
			out = append(out, child{id, e.v.today(id, day, on)})
		}
	}
	return out
}

func (e *emitter) keywords(d *daily, day tables.Day) []child {
	var out []child
	for _, id := range e.v.s.keywords.parents[e.group] {
		entity := e.v.s.keywords.byID[id]
		if entity.versions[0].val.Negative {
			continue
		}
		on := d.on(func(at int64) bool {
			k, ok := entity.at(at)
			return ok && k.Status == Enabled
		})
		if on > 0 && len(out) < maxParts {
			out = append(out, child{id, e.v.today(id, day, on)})
		}
	}
	return out
}

// today is the entity's part on a day, of which it was on for the share given.
func (v *view) today(id int64, day tables.Day, on float64) part {
	a, b := v.m.part(v.s, id, ""), v.m.part(v.s, id, day)
	return part{a.weight * b.weight * on, a.appeal * b.appeal, a.price * b.price}
}

// terms gives what people type for a keyword, the rare rest last.
func (v *view) terms(keyword int64, day tables.Day) ([]Term, []part) {
	k := v.s.keywords.byID[keyword].versions[0].val
	account, _ := v.s.account(k.Account)
	list := tails[account.Country]
	n := stream(v.s.Seed, keyword, "", ofRates)
	out := []Term{{k.Text, "exact", true}}
	if k.Match != "exact" {
		for range 2 + n.intn(3) {
			t := k.Text + " " + list[n.intn(len(list))]
			match := k.Match
			if match == "broad" && n.unit() < 0.3 {
				words := strings.Fields(t)
				t = words[len(words)-1] + " " + strings.Join(words[:len(words)-1], " ")
			}
			same := func(x Term) bool { return x.Text == t }
			if !slices.ContainsFunc(out, same) {
				out = append(out, Term{Text: t, Match: match})
			}
		}
	}
	out = append(out, Term{Match: k.Match})
	parts := make([]part, len(out))
	for i := range parts {
		parts[i] = v.today(keyword*16+int64(i)+1<<40, day, 1)
		parts[i].weight /= float64(i + 1)
	}
	return out, parts
}
