package temporalclient

import (
	"context"
	"sync"
	"time"

	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

const (
	// pollBelieved is how long an answered poll says that its queue is polled. The
	// server answers an empty one after a minute.
	pollBelieved = 3 * time.Minute
	// frozen is how long nobody asks for the queues only where the whole process
	// has stood still.
	frozen = time.Minute
)

// Polls knows which task queues a client polls, by what the server has answered:
// a worker that has been started may still get no answer.
type Polls struct {
	mu       sync.Mutex
	answered map[string]time.Time
	asked    time.Time
}

// Intercept is given to the client's connection.
func (p *Polls) Intercept() grpc.DialOption {
	return grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, request, reply, conn, opts...)
		if err == nil {
			switch r := request.(type) {
			case *workflowservice.PollWorkflowTaskQueueRequest:
				p.note(queueOf(r.GetTaskQueue()))
			case *workflowservice.PollActivityTaskQueueRequest:
				p.note(queueOf(r.GetTaskQueue()))
			}
		}
		return err
	})
}

// Began tells that the queue is polled from now on: the first answer may take as
// long as a poll does.
func (p *Polls) Began(queue string) { p.note(queue) }

// Ended tells that the queue is not polled any more.
func (p *Polls) Ended(queue string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.answered, queue)
}

func (p *Polls) note(queue string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answered == nil {
		p.answered = map[string]time.Time{}
	}
	p.answered[queue] = time.Now()
}

// Queues are those whose polls the server has answered of late. It is to be asked
// every few seconds: the time in which the process itself stood still says nothing
// of the server.
func (p *Polls) Queues() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	stood := time.Since(p.asked)
	if p.asked.IsZero() || stood < frozen {
		stood = 0
	}
	p.asked = time.Now()
	var polled []string
	for queue, at := range p.answered {
		at = at.Add(stood)
		p.answered[queue] = at
		if time.Since(at) < pollBelieved {
			polled = append(polled, queue)
		}
	}
	return polled
}

// queueOf is the queue that is polled: a worker's own queue stands for the one
// that it belongs to.
func queueOf(q *taskqueuepb.TaskQueue) string {
	if q.GetNormalName() != "" {
		return q.GetNormalName()
	}
	return q.GetName()
}
