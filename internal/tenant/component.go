package tenant

import "slices"

// Component is a part of the platform as its users see it, on the status page.
type Component string

// The components, in the order of the page.
const (
	// ComponentAPI takes and answers requests.
	ComponentAPI Component = "api"
	// ComponentProvisioning carries out what was accepted: new tenants, and changes of
	// them.
	ComponentProvisioning Component = "provisioning"
	// ComponentData is the tenants' own, in the database.
	ComponentData Component = "data"
	// ComponentLedger is where contracts are made and changed.
	ComponentLedger Component = "ledger"
	// ComponentMail is what is sent to people.
	ComponentMail Component = "mail"
)

var componentTitles = map[Component]string{
	ComponentAPI: "API", ComponentProvisioning: "New tenants and changes", ComponentData: "Tenants’ data",
	ComponentLedger: "Contracts on the ledger", ComponentMail: "E-mail",
}

// Components lists them all.
func Components() []Component {
	return []Component{ComponentAPI, ComponentProvisioning, ComponentData, ComponentLedger, ComponentMail}
}

// Title is the component's name for people.
func (c Component) Title() string { return componentTitles[c] }

func (c Component) known() bool { return slices.Contains(Components(), c) }
