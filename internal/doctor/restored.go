package doctor

import "time"

// Restored tells what an installation was restored from, and whether it is live.
type Restored struct {
	// NotLive is how far it is: "filling" while tenants are missing, "restored" when all
	// are there, "clone" of one that never goes live. Empty of one that is live.
	NotLive string
	// AsOf is the moment whose state was restored; zero where nothing was.
	AsOf time.Time
	// WentLive is since when it is live; zero of one that was not restored, or is not.
	WentLive time.Time
}

func (r Restored) judge() Verdict {
	found := "the installation was restored from backups"
	if !r.AsOf.IsZero() {
		found += ", as it was at " + r.AsOf.UTC().Format(time.RFC3339)
	}
	const idle = "it sends, dispatches and signs nothing"
	switch {
	case r.NotLive == "clone":
		return warn(found+", with --as-clone: "+idle+", and never will",
			"nothing, if it is to be a copy: starter restore --go-live refuses it. One that is to go live is restored without --as-clone: docs/runbooks/restore-all.md")
	case r.NotLive == "filling":
		return fail(found+", and not all of its tenants are there yet: "+idle, "run again: starter restore --all --yes; then: starter restore --go-live (docs/runbooks/restore-all.md)")
	case r.NotLive != "":
		return fail(found+", and is not live: "+idle, "look at the data, then run: starter restore --go-live (docs/runbooks/restore-all.md)")
	case !r.WentLive.IsZero():
		return fine("%s, and went live at %s", found, r.WentLive.UTC().Format(time.RFC3339))
	}
	return fine("the installation is live")
}
