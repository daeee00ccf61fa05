package erasectl

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

const auditPath = "/api/v1/audit"

// auditPage reads a page of the trail; token is empty for the newest, next on the last.
func (a *api) auditPage(ctx context.Context, query url.Values, limit int, token string) (page httpapi.AuditRecords, err error) {
	query.Set("limit", strconv.Itoa(limit))
	if query.Del("page_token"); token != "" {
		query.Set("page_token", token)
	}
	_, _, err = a.do(ctx, call{path: auditPath, query: query}, &page)
	return page, err
}

// auditRecords reads pages until there are as many as wanted, or all of them (limit 0); more says that there are others.
func (a *api) auditRecords(ctx context.Context, query url.Values, limit int) (all []httpapi.AuditRecord, more bool, err error) {
	for token := ""; ; {
		size := pageMax
		if limit > 0 {
			size = min(pageMax, limit-len(all))
		}
		page, err := a.auditPage(ctx, query, size, token)
		if err != nil {
			return nil, false, err
		}
		all, token = append(all, page.Records...), page.NextPageToken
		if token == "" || limit > 0 && len(all) >= limit {
			return all, token != "", nil
		}
	}
}

func (k *console) auditCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "audit", Short: "See who asked for what, and that nothing of it was changed",
		Long: `The audit trail has every request that could change something: who asked, from where, about which tenant and job, and
what became of it. It is written before anything is done, and can only grow. Reading it takes the scope audit:read.`,
		Example: `  erasectl audit list --tenant bakery-17
  erasectl audit verify`})
	c.AddCommand(k.auditList(), k.auditVerify())
	return c
}

// auditFlags are the filters of a list.
type auditFlags struct{ tenant, job, by, operation, since, until string }

func (k *console) auditList() *cobra.Command {
	var f auditFlags
	var limit int
	var all bool
	c := &cobra.Command{Use: "list", Short: "List who asked for what, newest first",
		Long: `List the audit trail, newest first; every filter that is given must hold. An action has two records: the intent, and what
became of it. An intent alone is an action that was cut short.`,
		Example: `  erasectl audit list --tenant bakery-17 --since 30d
  erasectl audit list --by user:4711 --operation deleteTenant
  erasectl audit list --all -o jsonl`, Args: exactly()}
	flags := c.Flags()
	flags.StringVar(&f.tenant, "tenant", "", "only about this tenant")
	flags.StringVar(&f.job, "job", "", "only about this job")
	flags.StringVar(&f.by, "by", "", "only by this actor, or on his behalf")
	flags.StringVar(&f.operation, "operation", "", "only this operation of the API, for example deleteTenant")
	flags.StringVar(&f.since, "since", "", "only from this time, day, or distance like 7d")
	flags.StringVar(&f.until, "until", "", "only before this time, day, or distance like 7d")
	flags.BoolVar(&all, "all", false, "every record, however many there are")
	flags.IntVar(&limit, "limit", listDefault, "the most records")
	_ = c.RegisterFlagCompletionFunc("tenant", first(k.liveTenants))
	completeNothing(c, "job", "by", "operation", "since", "until", "limit")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		query, err := f.query(k)
		if err != nil {
			return err
		}
		if limit, err = pages(c, limit, all); err != nil {
			return err
		}
		a, err := k.client()
		if err != nil {
			return err
		}
		records, more, err := a.auditRecords(c.Context(), query, limit)
		if err != nil {
			return err
		}
		if err := showAll(k, records, "no records", func(p *paper) { p.audit(records) }); err != nil {
			return err
		}
		if more {
			k.say("there are more records: --all lists every one")
		}
		return nil
	})
	return c
}

// query checks the filters.
func (f *auditFlags) query(k *console) (url.Values, error) {
	query := url.Values{}
	for _, filter := range []struct {
		flag, key, value string
		check            func(string) error
	}{
		{"tenant", "tenant_id", f.tenant, argTenant.check}, {"job", "job_id", f.job, argJob.check},
		{"by", "actor", f.by, checkKey}, {"operation", "operation", f.operation, checkOperation},
	} {
		if filter.value == "" {
			continue
		}
		if err := filter.check(filter.value); err != nil {
			return nil, app.Usage("--%s: %w", filter.flag, err)
		}
		query.Set(filter.key, filter.value)
	}
	for flag, value := range map[string]string{"since": f.since, "until": f.until} {
		if value == "" {
			continue
		}
		at, err := parseMoment(flag, value, k.now(), -1)
		if err != nil {
			return nil, err
		}
		query.Set(flag, at.UTC().Format("2006-01-02T15:04:05.999999999Z"))
	}
	return query, nil
}

// checkOperation refuses what is no name of an operation.
func checkOperation(name string) error {
	if checkKey(name) != nil || strings.ContainsAny(name, ".:") {
		return fmt.Errorf("want an operation of the API, for example deleteTenant")
	}
	return nil
}

func (p *paper) audit(records []httpapi.AuditRecord) {
	c := columns{numeric: []string{"number"},
		headers: []string{"number", "at", "operation", "by", "from", "tenant", "about", "code"}}
	for i := range records {
		r := &records[i]
		by, about := r.Actor, make([]string, 0, 3)
		if r.OnBehalfOf != "" {
			by += " for " + r.OnBehalfOf
		}
		for _, text := range []string{string(r.JobID), r.About, r.Reason} {
			if text != "" {
				about = append(about, text)
			}
		}
		code := r.Code
		if r.Phase == saga.AuditIntent {
			code = "asked"
		}
		c.row(fmt.Sprint(r.Number), p.moment(r.At), r.Operation, by, r.Origin, string(r.TenantID), strings.Join(about, " "), code)
	}
	p.table(c)
}

// verified is what a check of the whole trail found.
type verified struct {
	Records int64  `json:"records"`
	Newest  string `json:"newest"` // NUMBER:HASH
}

func (k *console) auditVerify() *cobra.Command {
	var kept string
	c := &cobra.Command{Use: "verify", Short: "Prove that no record of the audit trail was changed or left out",
		Long: `Read the whole audit trail and compute every record's hash again: each is taken of the one before it. It prints the
newest record's number and hash; kept elsewhere and given to a later run with --kept, they show also a trail that was cut short or
written anew as a whole, and one whose records up to that number were archived can still be verified. Exit code 8 says that
the proof did not hold.`,
		Example: `  erasectl audit verify
  erasectl audit verify --kept 4711:9b74c9897bac770ffc029102a200c5de9b74c9897bac770ffc029102a200c5de`, Args: exactly()}
	c.Flags().StringVar(&kept, "kept", "", "NUMBER:HASH that an earlier run has printed")
	completeNothing(c, "kept")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		number, hash, err := parseKept(kept)
		if err != nil {
			return err
		}
		a, err := k.client()
		if err != nil {
			return err
		}
		found, err := a.verifyAudit(c.Context(), number, hash)
		if err != nil {
			return err
		}
		return k.show(found, func(p *paper) {
			p.fact("records", fmt.Sprint(found.Records))
			p.fact("newest", found.Newest)
		})
	})
	return c
}

func parseKept(text string) (number int64, hash string, err error) {
	if text == "" {
		return 0, saga.AuditStart, nil
	}
	left, hash, _ := strings.Cut(text, ":")
	number, err = strconv.ParseInt(left, 10, 64)
	if err != nil || number < 1 || len(hash) != len(saga.AuditStart) {
		return 0, "", app.Usage("--kept: want NUMBER:HASH as erasectl audit verify prints it")
	}
	return number, hash, nil
}

// verifyAudit walks the trail from its newest record to its first, and past the kept one.
func (a *api) verifyAudit(ctx context.Context, kept int64, hash string) (found verified, err error) {
	var after *saga.AuditRecord // the record behind the one that is looked at
	for token := ""; ; {
		page, err := a.auditPage(ctx, url.Values{}, pageMax, token)
		if err != nil {
			return found, err
		}
		for _, shown := range page.Records {
			r := shown.Record()
			if after == nil {
				found = verified{Records: r.Number, Newest: fmt.Sprintf("%d:%s", r.Number, r.Hash)}
			} else if err := saga.CheckChain(r.Hash, *after); err != nil || after.Number != r.Number+1 {
				return found, notProven("broken at record %d", after.Number)
			}
			if r.Number == kept && r.Hash != hash {
				return found, notProven("record %d is not the one that was kept", kept)
			}
			after = &r
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	switch {
	case found.Records < kept:
		return found, notProven("record %d, which was kept, is gone", kept)
	case after == nil:
		return verified{Newest: "0:" + saga.AuditStart}, nil
	}
	if after.Number != kept+1 { // older records may have been archived up to the kept one, and no other
		kept, hash = 0, saga.AuditStart
	}
	if after.Number != kept+1 || saga.CheckChain(hash, *after) != nil {
		return found, notProven("broken at record %d", after.Number)
	}
	return found, nil
}

func notProven(format string, args ...any) error {
	return app.Exit(app.ExitNotProven, "the audit trail was changed: "+format, args...)
}
