package output

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// Ledger is how the installation stands on the Stellar network. Amounts are in XLM.
type Ledger struct {
	Network  string `json:"network"`
	Protocol int    `json:"protocol,omitempty"`
	Ledger   uint32 `json:"ledger,omitempty"`
	// AgeSeconds is that of the newest ledger, PaceSeconds how long one takes.
	AgeSeconds  float64 `json:"ageSeconds"`
	PaceSeconds float64 `json:"paceSeconds"`
	// BidStroops is what a transaction bids now for each of its operations.
	BidStroops    int64     `json:"bidStroops"`
	ContractPrice float64   `json:"contractPrice"`
	Limits        []Limit   `json:"limits"`
	Accounts      []Account `json:"accounts"`
	// Days is for how long the balance lasts, as the last 30 days were; absent where
	// nothing was paid.
	Days     *float64  `json:"days,omitempty"`
	Channels []Channel `json:"channels"`
	// Doubts are the transactions whose fate is not known yet.
	Doubts []Doubt `json:"inDoubt"`
	// Code, and Contracts by how long they live.
	Code      []EntryLife `json:"code"`
	Contracts Lifetimes   `json:"contracts"`
	// Trouble is why there is no more.
	Trouble string `json:"trouble,omitempty"`
}

// Limit is what may be spent, and what was.
type Limit struct {
	Setting string   `json:"setting"`
	What    string   `json:"what"`
	Allows  float64  `json:"allows"`
	Spent   *float64 `json:"spent,omitempty"`
}

// Account is one that authorises or pays. XLM is absent for one that is not on the
// ledger.
type Account struct {
	Role    string   `json:"role"`
	Address string   `json:"address"`
	XLM     *float64 `json:"xlm,omitempty"`
}

// Doubt is a transaction that may still be applied.
type Doubt struct {
	Hash     string             `json:"hash"`
	Purpose  submit.Purpose     `json:"purpose"`
	State    submit.State       `json:"state"`
	Tenant   tenant.ID          `json:"tenantId,omitempty"`
	Op       tenant.OperationID `json:"operationId,omitempty"`
	Since    time.Time          `json:"since"`
	Until    time.Time          `json:"until"`
	LastSeen string             `json:"note,omitempty"`
}

// EntryLife is how long an entry lives.
type EntryLife struct {
	Entry    string    `json:"entry"`
	Tenant   tenant.ID `json:"tenantId,omitempty"`
	Absent   bool      `json:"absent,omitempty"`
	Archived bool      `json:"archived,omitempty"`
	Days     float64   `json:"days"`
}

// Lifetimes are those of many.
type Lifetimes struct {
	Count int `json:"count"`
	// Archived and Absent are those that do not live; Within14, Within60 and Longer the
	// others by the days that they have left.
	Archived int `json:"archived"`
	Absent   int `json:"absent"`
	Within14 int `json:"within14Days"`
	Within60 int `json:"within60Days"`
	Longer   int `json:"longer"`
	// First are those that end first, at most ten.
	First []EntryLife `json:"first"`
}

// Channel is a channel account.
type Channel struct {
	Number  int      `json:"number"`
	Address string   `json:"address"`
	State   string   `json:"state"`
	XLM     *float64 `json:"xlm,omitempty"`
	// Open is the transaction that is under way on it.
	Open     string     `json:"transaction,omitempty"`
	SetAside *time.Time `json:"setAsideAt,omitempty"`
	Why      string     `json:"why,omitempty"`
}

// Channels are all channel accounts.
type Channels struct {
	Items   []Channel `json:"items"`
	Trouble string    `json:"trouble,omitempty"`
}

func xlm(stroops int64) float64 { return float64(stroops) / submit.Stroops }

func optionalXLM(stroops int64) *float64 {
	if stroops < 0 {
		return nil
	}
	x := xlm(stroops)
	return &x
}

// NewChannels makes the document; trouble is why balances are missing.
func NewChannels(all []stellar.ChannelReport, trouble string) Channels {
	d := Channels{Items: make([]Channel, len(all)), Trouble: trouble}
	for i, c := range all {
		d.Items[i] = Channel{Number: c.Number, Address: c.Address, State: channelState(c, trouble), Open: c.Open, SetAside: optional(c.SetAside), Why: c.Why}
		if trouble == "" {
			d.Items[i].XLM = optionalXLM(c.Balance)
		}
	}
	return d
}

func channelState(c stellar.ChannelReport, trouble string) string {
	switch {
	case !c.SetAside.IsZero():
		return "set aside"
	case trouble == "" && c.Balance < 0:
		return "missing"
	case c.Leased || c.Open != "":
		return "at work"
	}
	return "free"
}

// Text is a table.
func (c Channels) Text() string {
	rows := make([][]string, len(c.Items))
	for i, a := range c.Items {
		rows[i] = []string{strconv.Itoa(a.Number), a.Address, a.State, amount(a.XLM), cmp.Or(a.Why, a.Open)}
	}
	text := Grid([]string{"NUMBER", "ADDRESS", "STATE", "XLM", "WHY, OR WHAT IS UNDER WAY"}, rows)
	if c.Trouble != "" {
		text += "\nthe ledger cannot be asked: " + Visible(c.Trouble) + "\n"
	}
	return text
}

func amount(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'f', 2, 64)
}

// NewLedger makes the document; trouble is why there is no more.
func NewLedger(r stellar.Report, doubts []submit.Doubt, trouble string) Ledger {
	spent := func(stroops int64) *float64 { x := xlm(stroops); return &x }
	d := Ledger{
		Network: r.Passphrase, Protocol: r.Protocol, Ledger: r.Ledger, AgeSeconds: r.Age.Seconds(), PaceSeconds: r.Pace.Seconds(),
		BidStroops: r.Bid, ContractPrice: xlm(r.Price), Trouble: trouble, Channels: NewChannels(r.Channels, trouble).Items,
		Limits: []Limit{
			{"SOROBAN_MAX_FEE", "a transaction", xlm(r.Limits.Transaction), nil},
			{"SOROBAN_UPLOAD_MAX_FEE", "the upload of the code", xlm(r.Limits.Upload), nil},
			{"SOROBAN_OPERATION_MAX_FEE", "an operation, for one effect", xlm(r.Limits.Operation), nil},
			{"SOROBAN_DAY_MAX_FEE", "24 hours", xlm(r.Limits.Day), spent(r.Spent.Day)},
			{"SOROBAN_KEEPER_MAX_FEE", "a transaction of the keeper", xlm(r.Limits.Keeper), nil},
			{"SOROBAN_KEEPER_MONTH", "the keeper, in 30 days", xlm(r.Limits.Month), spent(r.Spent.Month)},
		},
		Accounts: []Account{}, Doubts: []Doubt{}, Code: []EntryLife{}, Contracts: Lifetimes{First: []EntryLife{}},
	}
	for _, a := range r.Accounts {
		d.Accounts = append(d.Accounts, Account{a.Role, a.Address, optionalXLM(a.Balance)})
	}
	if r.Days >= 0 {
		d.Days = &r.Days
	}
	for _, t := range doubts {
		d.Doubts = append(d.Doubts, Doubt{t.Hash, t.Purpose, t.State, t.Fence.Tenant, t.Fence.Operation, t.Since.UTC(), t.MaxTime.UTC(), t.Note})
	}
	for _, l := range r.Keeping.Lives {
		life := EntryLife{l.Entry, l.Tenant, l.Absent, l.Archived, l.Left.Hours() / 24}
		if l.Tenant == "" {
			d.Code = append(d.Code, life)
			continue
		}
		d.Contracts.add(life)
	}
	slices.SortStableFunc(d.Contracts.First, func(a, b EntryLife) int { return cmp.Compare(a.Days, b.Days) })
	d.Contracts.First = d.Contracts.First[:min(len(d.Contracts.First), 10)]
	return d
}

func (l *Lifetimes) add(e EntryLife) {
	l.Count++
	switch {
	case e.Absent:
		l.Absent++
	case e.Archived:
		l.Archived++
	case e.Days < 14:
		l.Within14++
	case e.Days < 60:
		l.Within60++
	default:
		l.Longer++
	}
	l.First = append(l.First, e)
}

// Text is a block for each part.
func (l Ledger) Text() string {
	var parts []string
	head := []pair{{"network", l.Network}}
	if l.Ledger > 0 {
		head = append(head, pair{"protocol", strconv.Itoa(l.Protocol)},
			pair{"ledger", fmt.Sprintf("%d, %.0f s old, one every %s", l.Ledger, l.AgeSeconds, span(time.Duration(l.PaceSeconds*float64(time.Second))))},
			pair{"bid", fmt.Sprintf("%d stroops for each operation (95 of 100 bid no more)", l.BidStroops)},
			pair{"a contract", fmt.Sprintf("%.2f XLM now", l.ContractPrice)})
	}
	if l.Days != nil {
		head = append(head, pair{"lasts", fmt.Sprintf("%s, as the last 30 days were", daysLeft(*l.Days))})
	}
	if l.Trouble != "" {
		head = append(head, pair{"trouble", l.Trouble})
	}
	parts = append(parts, form(head), l.limits(), l.accounts(), l.channels(), l.doubts(), l.lives())
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n")
}

func (l Ledger) limits() string {
	rows := make([][]string, len(l.Limits))
	for i, m := range l.Limits {
		rows[i] = []string{m.What, fmt.Sprintf("%.2f", m.Allows), amount(m.Spent), m.Setting}
	}
	return Grid([]string{"MAY COST", "XLM", "SPENT", "SETTING"}, rows)
}

func (l Ledger) accounts() string {
	if len(l.Accounts) == 0 {
		return ""
	}
	rows := make([][]string, len(l.Accounts))
	for i, a := range l.Accounts {
		rows[i] = []string{a.Role, a.Address, cmp.Or(amount(a.XLM), "not on the ledger")}
	}
	return Grid([]string{"ACCOUNT", "ADDRESS", "XLM"}, rows)
}

// channels counts them by state, and lists those that somebody has to look after.
func (l Ledger) channels() string {
	counts := map[string]int{}
	var odd []Channel
	for _, c := range l.Channels {
		counts[c.State]++
		if c.State == "set aside" || c.State == "missing" {
			odd = append(odd, c)
		}
	}
	var said []string
	for _, state := range []string{"free", "at work", "set aside", "missing"} {
		if counts[state] > 0 {
			said = append(said, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	text := "channel accounts: " + strings.Join(said, ", ") + "\n"
	for _, c := range odd {
		text += fmt.Sprintf("  %d  %s  %s  %s\n", c.Number, c.Address, c.State, Visible(c.Why))
	}
	return text
}

func (l Ledger) doubts() string {
	if len(l.Doubts) == 0 {
		return "no transaction is in doubt\n"
	}
	rows := make([][]string, len(l.Doubts))
	for i, d := range l.Doubts {
		rows[i] = []string{d.Hash, string(d.Purpose), string(d.State), string(d.Op), moment(d.Since), d.LastSeen}
	}
	return Grid([]string{"IN DOUBT", "PURPOSE", "STATE", "OPERATION", "SINCE", "MET LAST"}, rows)
}

func (l Ledger) lives() string {
	if len(l.Code) == 0 {
		return ""
	}
	var rows [][]string
	for _, e := range l.Code {
		rows = append(rows, []string{"code", e.Entry, "", lives(e)})
	}
	for _, e := range l.Contracts.First {
		rows = append(rows, []string{"contract", e.Entry, string(e.Tenant), lives(e)})
	}
	c := l.Contracts
	return Grid([]string{"ENTRY", "ADDRESS OR HASH", "TENANT", "LIVES"}, rows) +
		fmt.Sprintf("of %d contracts, %d live for 60 days or longer, %d for less, %d for less than 14; %d archived, %d not there\n", c.Count, c.Longer, c.Within60, c.Within14, c.Archived, c.Absent)
}

func lives(e EntryLife) string {
	switch {
	case e.Absent:
		return "not there"
	case e.Archived:
		return "archived"
	}
	return daysLeft(e.Days)
}

// daysLeft says days as people count them.
func daysLeft(days float64) string {
	switch {
	case days < 2:
		return fmt.Sprintf("%.0f hours", days*24)
	case days > 1000:
		return "more than 1000 days"
	}
	return fmt.Sprintf("%.0f days", days)
}
