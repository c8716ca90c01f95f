package market

import (
	"math"
	"math/rand/v2"

	"argo/tables"
)

// purpose separates the streams of one entity and day.
type purpose uint64

const (
	ofEntity purpose = iota + 1
	ofDemand
	ofRates
	ofDay
	ofVolume
	ofParts
	ofOrders
	ofInstalls
	ofOrganic
	ofPartner
	ofHistory
	ofFaults
)

// noise is the stream of (seed, entity, day, purpose). The zero day is that of
// facts that have none.
type noise struct{ pcg rand.PCG }

func stream(seed uint64, entity int64, day tables.Day, p purpose) *noise {
	n := &noise{}
	d := uint64(0)
	if day != "" {
		d = uint64(day.Time().Unix() / 86400)
	}
	n.pcg.Seed(mix(seed^mix(uint64(entity))), mix(d<<8|uint64(p)))
	return n
}

// mix is the finaliser of SplitMix64: neighbouring inputs give unlike outputs.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit is uniform in [0, 1).
func (n *noise) unit() float64 { return float64(n.pcg.Uint64()>>11) / (1 << 53) }

// between is uniform in [lo, hi).
func (n *noise) between(lo, hi float64) float64 { return lo + (hi-lo)*n.unit() }

// intn is uniform in [0, k).
func (n *noise) intn(k int) int { return int(n.unit() * float64(k)) }

// normal is standard normal (Box and Muller, one of the pair).
func (n *noise) normal() float64 {
	u := 1 - n.unit()
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*n.unit())
}

// exp is exponential with the mean given.
func (n *noise) exp(mean float64) float64 { return -mean * math.Log(1-n.unit()) }

// thin gives the indexes in [0, size) that survive with probability p each, in
// rising order: geometric skips instead of one draw for each.
func (n *noise) thin(size float64, p float64, keep func(index float64)) {
	if p <= 0 || size <= 0 {
		return
	}
	for at := 0.0; ; at++ {
		at += math.Floor(math.Log(1-n.unit()) / math.Log1p(-p))
		if at >= size {
			return
		}
		keep(at)
	}
}

// split cuts n into one part for each weight, in proportion; the parts sum to n.
func split(dst []int64, n int64, weights []float64) {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	var sum float64
	var done int64
	last := -1
	for i, w := range weights {
		dst[i] = 0
		if w <= 0 {
			continue
		}
		last = i
		sum += w
		upTo := min(int64(float64(n)*(sum/total)), n)
		dst[i] = upTo - done
		done = upTo
	}
	if last >= 0 {
		dst[last] += n - done
	}
}

// splitWithin is split with a ceiling for each part; n must not exceed the sum
// of the ceilings. What does not fit goes to the next part that has room.
func splitWithin(dst []int64, n int64, weights []float64, ceiling []int64) {
	split(dst, n, weights)
	var carry int64
	for range 2 {
		for i := range dst {
			if over := dst[i] - ceiling[i]; over > 0 {
				carry += over
				dst[i] = ceiling[i]
			} else if room := min(-over, carry); room > 0 {
				dst[i] += room
				carry -= room
			}
		}
		if carry == 0 {
			return
		}
	}
}
