package client_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"tenant-provisioning/client"
)

// Creates a tenant and waits until it can be used. The request is repeated until
// it has an answer, and makes one tenant however often it was sent.
func Example_create() {
	ctx := context.Background()
	api, err := client.New(client.Config{URL: os.Getenv("APP_URL"), Token: os.Getenv("TOKEN")})
	if err != nil {
		log.Fatal(err)
	}
	op, err := api.CreateTenant(ctx, client.CreateTenantParams{
		Name: "Lakeside Clinic", AdminEmail: "ada@hospital.example", AdminFirstName: "Ada", AdminLastName: "Lovelace",
	})
	if client.IsCode(err, client.CodeNameTaken) {
		log.Fatal("another tenant has this name")
	}
	if err != nil {
		log.Fatal(err)
	}
	if op, err = api.Wait(ctx, op.ID); err == nil {
		err = op.Err() // nil when it has succeeded
	}
	fmt.Println(op.State, err)
}

// Follows all that happens, from where an earlier run of the program has stopped.
func Example_follow() {
	ctx := context.Background()
	api, err := client.New(client.Config{URL: os.Getenv("APP_URL"), Token: os.Getenv("TOKEN")})
	if err != nil {
		log.Fatal(err)
	}
	after := "0" // the ID that was stored last; "0" begins with the first event that is kept
	for event, err := range api.Events(ctx, client.EventsParams{After: after}) {
		if err != nil {
			log.Fatal(err) // broken connections are not told: they are made again
		}
		fmt.Println(event.At, event.Type, event.TenantID)
		fmt.Println("to be stored, with what was done about it:", event.ID)
	}
}

// Retries what waits for a person because its mail was refused, with another address.
func Example_retryAfterFailure() {
	ctx := context.Background()
	api, err := client.New(client.Config{URL: os.Getenv("APP_URL"), Token: os.Getenv("TOKEN")})
	if err != nil {
		log.Fatal(err)
	}
	for op, err := range api.Operations(ctx, client.ListOperationsParams{State: client.StateNeedsAttention}) {
		if err != nil {
			log.Fatal(err)
		}
		if op.FailedStep != client.StepNameSendWelcomeEmail {
			continue
		}
		tenant, err := api.GetTenant(ctx, op.TenantID)
		if err != nil {
			log.Fatal(err)
		}
		// Somebody else's change in between is not overwritten: CodeVersionMismatch.
		_, err = api.ChangeTenant(ctx, tenant.ID, client.ChangeTenantParams{AdminEmail: "grace@hospital.example", IfMatch: tenant.ETag})
		if err != nil {
			log.Fatal(err)
		}
		_, err = api.RetryOperation(ctx, op.ID, client.RetryOperationParams{Reason: "ticket 4711: another address"})
		if err != nil {
			log.Fatal(err)
		}
	}
}
