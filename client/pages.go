package client

import (
	"context"
	"iter"
)

// Tenants reads all pages of ListTenants, one after the other. An error ends it.
func (c *Client) Tenants(ctx context.Context, params ListTenantsParams) iter.Seq2[Tenant, error] {
	return pages(params.Cursor, func(cursor string) ([]Tenant, string, error) {
		params.Cursor = cursor
		page, err := c.ListTenants(ctx, params)
		return page.Items, page.NextCursor, err
	})
}

// Operations reads all pages of ListOperations, as Tenants does.
func (c *Client) Operations(ctx context.Context, params ListOperationsParams) iter.Seq2[Operation, error] {
	return pages(params.Cursor, func(cursor string) ([]Operation, string, error) {
		params.Cursor = cursor
		page, err := c.ListOperations(ctx, params)
		return page.Items, page.NextCursor, err
	})
}

func pages[T any](first string, read func(cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := first; ; {
			items, next, err := read(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if cursor = next; cursor == "" {
				return
			}
		}
	}
}
