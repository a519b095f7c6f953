// Types of the HTTP interface, as the server describes them. Written by `npm run generate`.

export interface paths {
    "/asyncapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What goes over the WebSocket, described. */
        get: operations["asyncapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers. */
        get: operations["livez"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Figures, as OpenMetrics text. */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This description. */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether writes are accepted. */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List executions, newest first. */
        get: operations["listExecutions"];
        put?: never;
        /** Create an execution. */
        post: operations["createExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/counts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Count executions by phase. */
        get: operations["countExecutions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One execution, with its state. */
        get: operations["getExecution"];
        put?: never;
        post?: never;
        /** Remove a terminal execution for good. */
        delete: operations["purgeExecution"];
        options?: never;
        head?: never;
        /** Change labels, priority or timeouts of a live execution. */
        patch: operations["updateExecution"];
        trace?: never;
    };
    "/v1/executions/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask an execution to stop. */
        post: operations["cancelExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/cancel_acknowledged": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The runner has heard that it is to stop, and is stopping. */
        post: operations["acknowledgeCancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/cancelled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The runner has stopped on request. */
        post: operations["confirmCancelled"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The runner finished. */
        post: operations["complete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read the log: a page; with `wait`, a long poll; with `Accept: text/event-stream`, a stream. */
        get: operations["readEvents"];
        put?: never;
        /** Append what the runner produced. */
        post: operations["postEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why an execution is where it is, and what to do. */
        get: operations["explainExecution"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/fail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The runner failed. */
        post: operations["fail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/heartbeat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A sign of life, with progress where there is some. */
        post: operations["heartbeat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Answer an execution that waits. */
        post: operations["resumeExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A new execution of what a terminal one was asked to do. */
        post: operations["retryExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read an execution with Durable Streams: a chunk of events, a long poll, or an event stream. */
        get: operations["streamExecution"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /** How far an execution is, for Durable Streams. */
        head: operations["headExecutionStream"];
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/wait": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The runner asks a person. */
        post: operations["wait"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/queues": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every queue that holds something, on which something is set, or that a runner has asked. */
        get: operations["listQueues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/queues/{queue}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One queue. */
        get: operations["getQueue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Pause or resume a queue, or change its limits. It need not exist before. */
        patch: operations["updateQueue"];
        trace?: never;
    };
    "/v1/queues/{queue}/claim": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take work from a queue, or wait for some. */
        post: operations["claim"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runners": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every runner known, freshest first. */
        get: operations["listRunners"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runners/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One runner. */
        get: operations["getRunner"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/supervisor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How things stand. */
        get: operations["getSupervisor"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description What a person answered. */
        Answered: {
            /** @description The answer; null where it has none. */
            input: unknown;
            /**
             * Format: int64
             * @description The seq of its `execution.resumed`.
             */
            seq: number;
        };
        /** @description The answer to a heartbeat. */
        Beat: {
            cancel_requested: boolean;
            /**
             * Format: date-time
             * @description The next one must come before.
             */
            deadline: string;
            resumed?: components["schemas"]["Answered"] | null;
        };
        /** @description A number for each phase. */
        ByPhase: {
            /** Format: int64 */
            cancelled: number;
            /** Format: int64 */
            completed: number;
            /** Format: int64 */
            failed: number;
            /** Format: int64 */
            in_progress: number;
            /** Format: int64 */
            pending: number;
            /** Format: int64 */
            waiting: number;
        };
        /**
         * @description `POST …/cancel`.
         * @example {
         *       "grace": "30s",
         *       "reason": "no longer needed"
         *     }
         */
        Cancel: {
            /** @default null */
            grace?: components["schemas"]["Duration"] | null;
            /**
             * @description For the runner and for people.
             * @default null
             */
            reason?: string | null;
        };
        /** @description A requested cancellation and how far it got. */
        CancelState: {
            acknowledged_at?: string | null;
            deadline: string;
            delivered_at?: string | null;
            /** @description When the runner was waited for no longer. */
            forced_at?: string | null;
            reason?: string | null;
            requested_at: string;
        };
        /** @description `POST …/cancel_acknowledged` and `POST …/cancelled`. */
        Cancelled: {
            lease: components["schemas"]["LeaseToken"];
        };
        /** @description What the attempts before left for the one that begins. */
        Checkpoint: {
            /**
             * Format: int32
             * @description The one that reported progress or changed the shared state last.
             */
            attempt: number;
            progress?: components["schemas"]["Progress"] | null;
            /** @description AG-UI's shared state: the last `STATE_SNAPSHOT` with the deltas since. */
            state?: unknown;
        };
        /**
         * @description `POST /v1/queues/{queue}/claim`.
         * @example {
         *       "runner": {
         *         "host": "h",
         *         "id": "runner-1",
         *         "pid": 7
         *       },
         *       "slots": 1,
         *       "wait": "30s"
         *     }
         */
        Claim: {
            runner: components["schemas"]["Runner"];
            /**
             * Format: int32
             * @description Most leases at once. Default 1.
             */
            slots?: number;
            wait?: components["schemas"]["Duration"] | null;
        };
        /** @description Granted leases. */
        Claimed: {
            leases: components["schemas"]["Lease"][];
        };
        /**
         * @description `POST …/complete`.
         * @example {
         *       "lease": "0198f1d2c3b4a5968778695a4b3c2d1e",
         *       "output": {
         *         "summary": "…"
         *       }
         *     }
         */
        Complete: {
            lease: components["schemas"]["LeaseToken"];
            /** @description The result; left out, it is what a `CUSTOM` `output` event has set. */
            output?: unknown;
        };
        /** @description How many executions a list has. */
        Counted: {
            counts: components["schemas"]["ByPhase"];
            /** @description Whether it is just so many, or at least: of long lists only a part is looked at. */
            exact: boolean;
        };
        /**
         * @description `POST /v1/executions`.
         * @example {
         *       "input": {
         *         "url": "https://example.org"
         *       },
         *       "kind": "agent",
         *       "labels": {
         *         "team": "x"
         *       },
         *       "name": "summarise",
         *       "retry": {
         *         "max_attempts": 3
         *       },
         *       "timeouts": {
         *         "heartbeat": "30s"
         *       }
         *     }
         */
        Create: {
            concurrency_key?: components["schemas"]["Name"] | null;
            delay?: components["schemas"]["Duration"] | null;
            /** @description Handed to the runner as it is. */
            input?: unknown;
            /** @description What to run. */
            kind: components["schemas"]["Kind"];
            /** @description For finding it again; at most 64. */
            labels?: {
                [key: string]: string;
            } | null;
            /** @description For people and the runner; 1 to 256 bytes, no control characters. */
            name: string;
            parent_id?: components["schemas"]["ExecutionId"] | null;
            /**
             * Format: int32
             * @description Higher goes first.
             */
            priority?: number;
            queue?: components["schemas"]["Name"] | null;
            retry?: components["schemas"]["RetryPolicy"] | null;
            start_at?: components["schemas"]["Instant"] | null;
            timeouts?: components["schemas"]["TimeoutChanges"] | null;
        };
        /** @description A new execution. */
        Created: {
            dispatch: components["schemas"]["Dispatch"];
            execution: components["schemas"]["Execution"];
        };
        /** @description An armed timeout. */
        Deadline: {
            /** Format: date-time */
            at: string;
            /** @description What runs out. */
            kind: string;
        };
        /** @description Who could take an execution now. */
        Dispatch: {
            message: string;
            /** Format: int64 */
            runners_live: number;
            /** Format: int64 */
            slots_free: number;
            /** @description `ready`, `no_runner_ever`, `all_lost`, `all_full`, `limit_held` or `paused`. */
            verdict: string;
        };
        /** @description Done, and in the log. */
        Done: {
            /** @description Whether the execution was asked to stop. */
            cancel_requested: boolean;
            /**
             * Format: int64
             * @description Where the log ends, or ended after the batch that is repeated.
             */
            seq: number;
        };
        /**
         * @description Such as `250ms`, `30s` or `1h30m`.
         * @example 30s
         */
        Duration: string;
        /** @description An entry of an execution's log. */
        Event: {
            /** Format: int32 */
            attempt: number;
            data: unknown;
            execution_id: string;
            /**
             * Format: int64
             * @description The seq of the event before, in this view. In `agui` some events are not in the log,
             *     such as the end of a message whose runner died: their `seq` is this one, too.
             */
            prev: number;
            /**
             * Format: int64
             * @description Dense from 1.
             */
            seq: number;
            /** Format: date-time */
            time: string;
            /** @description `execution.*`, or an AG-UI 1.0 event type. */
            type: string;
        };
        /** @description A page of a log. */
        EventPage: {
            events: components["schemas"]["Event"][];
            /**
             * Format: int64
             * @description Where the log ends.
             */
            head: number;
            /** @description Whether it will not grow. */
            terminal: boolean;
        };
        /** @description One run of an agent or a workflow. */
        Execution: {
            /** @description The last answer a person gave. */
            answer?: unknown;
            /** Format: int32 */
            attempt: number;
            cancel?: components["schemas"]["CancelState"] | null;
            concurrency_key?: string | null;
            /** Format: date-time */
            created_at: string;
            deadline?: components["schemas"]["Deadline"] | null;
            error?: components["schemas"]["Failure"] | null;
            finished_at?: string | null;
            /** @example aex_01981f000000700080000000000000ab */
            id: string;
            input?: unknown;
            kind: components["schemas"]["Kind"];
            labels: {
                [key: string]: string;
            };
            /** Format: int32 */
            max_attempts: number;
            name: string;
            namespace: string;
            output?: unknown;
            parent_id?: string | null;
            phase: components["schemas"]["Phase"];
            /** Format: int32 */
            priority: number;
            progress?: components["schemas"]["Progress"] | null;
            queue: string;
            /** @description Why that phase. */
            reason?: string | null;
            retry: components["schemas"]["Retry"];
            retry_of?: string | null;
            runner?: components["schemas"]["RunnerInfo"] | null;
            /**
             * Format: int64
             * @description Where its log ends.
             */
            seq: number;
            start_at?: string | null;
            started_at?: string | null;
            timeouts: components["schemas"]["Timeouts"];
            waiting?: components["schemas"]["Question"] | null;
        };
        /**
         * @description An execution: `aex_` for an agent's, `wex_` for a workflow's, and a UUIDv7.
         * @example aex_01981f000000700080000000000000ab
         */
        ExecutionId: string;
        /** @description An execution with what its runner made of it. */
        ExecutionWithState: components["schemas"]["Execution"] & {
            state: components["schemas"]["State"];
        };
        /** @description Why an execution is where it is. */
        Explanation: {
            actions: string[];
            /**
             * Format: date-time
             * @description Last sign of life of the runner that holds it; null while none does.
             */
            alive_at?: string | null;
            /** @description Stable and machine-readable. */
            cause: string;
            evidence: string[];
            next_deadline?: components["schemas"]["Deadline"] | null;
            /**
             * Format: date-time
             * @description Its last event or progress; null while no runner holds it.
             */
            progressed_at?: string | null;
            /** @description One sentence. */
            summary: string;
        };
        /**
         * @description `POST …/fail`.
         * @example {
         *       "error": {
         *         "code": "model_error",
         *         "message": "The model refused.",
         *         "retryable": true
         *       },
         *       "lease": "0198f1d2c3b4a5968778695a4b3c2d1e"
         *     }
         */
        Fail: {
            error: components["schemas"]["RunnerError"];
            lease: components["schemas"]["LeaseToken"];
        };
        /** @description What went wrong with an execution, for a person. */
        Failure: {
            /** @description Stable and machine-readable. */
            code: string;
            /** @description Evidence. */
            detail?: string | null;
            /** @description What to do. */
            hint?: string | null;
            /** @description One sentence. */
            message: string;
            /** @description Whether another attempt could go better. */
            retryable: boolean;
        };
        /** @description A broken rule. */
        FieldError: {
            message: string;
            /** @description RFC 6901 into the body, or `?name` for a query parameter. */
            pointer: string;
        };
        /**
         * @description `POST …/heartbeat`.
         * @example {
         *       "lease": "0198f1d2c3b4a5968778695a4b3c2d1e",
         *       "progress": {
         *         "details": {
         *           "page": 12
         *         },
         *         "fraction": 0.4
         *       }
         *     }
         */
        Heartbeat: {
            /**
             * Format: int64
             * @description The seq of the last answer to its question that it has; the reply brings no older one.
             */
            knows?: number;
            lease: components["schemas"]["LeaseToken"];
            progress?: components["schemas"]["Progress"] | null;
        };
        /**
         * @description RFC 3339.
         * @example 2026-01-02T03:04:05.000006Z
         */
        Instant: string;
        /**
         * @description Agent or workflow.
         * @enum {string}
         */
        Kind: "agent" | "workflow";
        /** @description A distribution of durations since the start; each figure is the upper bound of its bucket. */
        LatencySummary: {
            /** Format: int64 */
            count: number;
            /** Format: double */
            p50_ms: number;
            /** Format: double */
            p99_ms: number;
        };
        /** @description A granted lease. */
        Lease: {
            /** Format: int32 */
            attempt: number;
            checkpoint?: components["schemas"]["Checkpoint"] | null;
            execution: components["schemas"]["ExecutionWithState"];
            /** @description Its heartbeat timeout. */
            heartbeat: string;
            /** @description Goes with every call for the execution. */
            lease: string;
            /** @description W3C trace context that came with the creation, to go on with; null where none did. */
            traceparent?: string | null;
        };
        /**
         * @description What lets a runner write, as handed out by claim.
         * @example 0198f1d2c3b4a5968778695a4b3c2d1e
         */
        LeaseToken: string;
        /** @description A page of executions, newest first. */
        Listed: {
            executions: components["schemas"]["Execution"][];
            next_cursor?: string | null;
        };
        /**
         * @description Of a queue, a runner, a key.
         * @example agents
         */
        Name: string;
        /** @description Since when a queue is paused, and why. */
        Pause: {
            by?: string | null;
            reason?: string | null;
            /** Format: date-time */
            since: string;
        };
        /**
         * @description Where an execution is in its life; the last three are final.
         * @enum {string}
         */
        Phase: "pending" | "in_progress" | "waiting" | "completed" | "failed" | "cancelled";
        /**
         * @description `POST …/events`, borrowed from the body.
         * @example {
         *       "batch": 7,
         *       "events": [
         *         {
         *           "data": {
         *             "delta": "Hello",
         *             "messageId": "m1"
         *           },
         *           "type": "TEXT_MESSAGE_CONTENT"
         *         }
         *       ],
         *       "lease": "0198f1d2c3b4a5968778695a4b3c2d1e"
         *     }
         */
        PostEvents: {
            /**
             * Format: int64
             * @description Increases within a lease, gaps allowed; one at or below the last is a repeat.
             */
            batch?: number | null;
            /** @description 1 to 1,000. */
            events: components["schemas"]["PostedEvent"][];
            /** @description As handed out by claim. */
            lease: components["schemas"]["LeaseToken"];
        };
        /** @description One event as posted. */
        PostedEvent: {
            /** @description The fields of the type, named as AG-UI names them. */
            data: Record<string, never>;
            /**
             * @description An AG-UI 1.0 event type; `RUN_*` and `execution.*` are the server's.
             * @example TEXT_MESSAGE_CONTENT
             */
            type: string;
        };
        /**
         * @description RFC 9457.
         * @example {
         *       "code": "invalid",
         *       "detail": "/name: is required",
         *       "errors": [
         *         {
         *           "message": "is required",
         *           "pointer": "/name"
         *         }
         *       ],
         *       "request_id": "5f0c61a200000001",
         *       "status": 422,
         *       "title": "The request is well-formed and wrong",
         *       "type": "urn:heartline:problem:invalid"
         *     }
         */
        Problem: {
            /** @description Stable and machine-readable. */
            code: string;
            detail: string;
            errors?: components["schemas"]["FieldError"][];
            request_id: string;
            /**
             * Format: int32
             * @description Seconds after which another try makes sense, where the server knows; as `Retry-After`.
             */
            retry_after?: number | null;
            /** Format: int32 */
            status: number;
            title: string;
            /** @description `urn:heartline:problem:` and the code. */
            type: string;
        };
        /** @description How far an execution is. */
        Progress: {
            /** @description The runner's own, such as where another attempt goes on; at most 65,536 bytes. */
            details?: unknown;
            /**
             * Format: double
             * @description Within 0 and 1.
             */
            fraction?: number | null;
            message?: string | null;
        };
        /** @description Of a distribution. */
        Quantiles: {
            /** Format: int64 */
            count: number;
            /** Format: double */
            max: number;
            /** Format: double */
            p50: number;
            /** Format: double */
            p99: number;
        };
        /** @description An open question to a person. */
        Question: {
            hold: boolean;
            prompt?: string | null;
            schema?: unknown;
            /**
             * Format: int64
             * @description Names it in the answer: the seq of its `execution.waiting`.
             */
            seq: number;
            since: string;
            until: string;
        };
        /** @description A queue. */
        Queue: {
            /** @description Most in progress first, then most waiting; at most 10. */
            busiest_keys: components["schemas"]["QueueKey"][];
            /** @description From due to claimed, over the last claims. */
            claim_latency_ms: components["schemas"]["Quantiles"];
            /** Format: int64 */
            claims_waiting: number;
            /**
             * Format: int64
             * @description Claimable now, were it not for a pause or a limit.
             */
            depth: number;
            dispatch: components["schemas"]["Dispatch"];
            /**
             * Format: int64
             * @description Of `depth`, those that a pause or a limit keeps from being claimed now.
             */
            held: number;
            /**
             * Format: int64
             * @description Leased, also while they wait for a person with the lease kept.
             */
            in_progress: number;
            /** @description In the last 60 s. */
            last_minute: components["schemas"]["Throughput"];
            limits: components["schemas"]["QueueLimits"];
            /** @description Of `depth`, since it was due. */
            oldest_age?: string | null;
            pause?: components["schemas"]["Pause"] | null;
            paused: boolean;
            queue: string;
            /** Format: int64 */
            runners_known: number;
            /** Format: int64 */
            runners_live: number;
            /**
             * Format: int64
             * @description Delayed or backing off.
             */
            scheduled: number;
            /** @description Since the start, or since the queue is known. */
            total: components["schemas"]["Throughput"];
        };
        /** @description A concurrency key of a queue. */
        QueueKey: {
            /** Format: int64 */
            in_progress: number;
            key: string;
            /** Format: int64 */
            waiting: number;
        };
        /** @description How much of a queue may be in progress, and how fast it may be claimed; null is no limit. */
        QueueLimits: {
            /**
             * Format: int32
             * @description Of each concurrency key.
             */
            key_max_in_progress?: number | null;
            key_rate?: components["schemas"]["Rate"] | null;
            /** Format: int32 */
            max_in_progress?: number | null;
            rate?: components["schemas"]["Rate"] | null;
        };
        /**
         * @description Claims at most so fast: a bucket of tokens that holds `burst` and fills with `per_second`. It
         *     begins empty, also after a start of the server, so that it is never exceeded.
         */
        QueueRate: {
            /**
             * Format: int32
             * @description Claims at once after a quiet time; what a second brings unless said, and one at least.
             */
            burst?: number | null;
            /** Format: double */
            per_second: number;
        };
        /**
         * @description `PATCH /v1/queues/{queue}`. What is left out stays; null takes a limit away.
         * @example {
         *       "max_in_progress": 10,
         *       "rate": {
         *         "burst": 10,
         *         "per_second": 5
         *       }
         *     }
         */
        QueueUpdate: {
            /** @description Who pauses, for people; goes with `paused: true`. */
            by?: string | null;
            /**
             * Format: int32
             * @description As `max_in_progress`, of each concurrency key.
             */
            key_max_in_progress?: number | null;
            key_rate?: components["schemas"]["QueueRate"] | null;
            /**
             * Format: int32
             * @description Leased at once, claims under way included.
             */
            max_in_progress?: number | null;
            /**
             * @description Pause or resume. A paused queue gives nothing out; what is in progress goes on, and so do
             *     the deadlines of what waits.
             */
            paused?: boolean;
            rate?: components["schemas"]["QueueRate"] | null;
            /** @description Why, for people; goes with `paused: true`. */
            reason?: string | null;
        };
        /** @description Queues. */
        Queues: {
            queues: components["schemas"]["Queue"][];
        };
        /** @description Claims at most so fast. */
        Rate: {
            /**
             * Format: int32
             * @description At once, after a quiet time.
             */
            burst: number;
            /** Format: double */
            per_second: number;
        };
        /**
         * @description Why a phase was entered.
         * @enum {string}
         */
        Reason: "runner_error" | "definition_invalid" | "schedule_to_start_timeout" | "start_to_close_timeout" | "schedule_to_close_timeout" | "heartbeat_timeout" | "progress_timeout" | "waiting_timeout" | "runner_lost" | "cancel_requested" | "cancel_timeout" | "supervisor_gave_up";
        /**
         * @description `POST …/resume`.
         * @example {
         *       "input": {
         *         "approved": true
         *       },
         *       "question": 7
         *     }
         */
        Resume: {
            /** @description The answer; checked against the question's JSON Schema where it has one. */
            input?: unknown;
            /**
             * Format: int64
             * @description The question it answers: `waiting.seq` of the execution, which is the seq of its
             *     `execution.waiting`. 412 where another one is open by now. Left out, it is the one that is
             *     open when the answer comes in.
             * @default null
             */
            question?: number | null;
        };
        /** @description `POST …/retry`. */
        Retried: Record<string, never>;
        /** @description What happens after a failed attempt. */
        Retry: {
            /** Format: double */
            factor: number;
            initial_backoff: string;
            /** Format: int32 */
            max_attempts: number;
            max_backoff: string;
        };
        /** @description What happens after a failed attempt. */
        RetryPolicy: {
            /**
             * Format: double
             * @description Each further wait is the one before times this. Default 2.
             * @default null
             */
            factor?: number | null;
            /** @default null */
            initial_backoff?: components["schemas"]["Duration"] | null;
            /**
             * Format: int32
             * @description Attempts in all; 1, the default, means no retry.
             * @default null
             */
            max_attempts?: number | null;
            /** @default null */
            max_backoff?: components["schemas"]["Duration"] | null;
        };
        /** @description A runner, as it describes itself. */
        Runner: {
            host?: string | null;
            /** @description Stable and its own. */
            id: components["schemas"]["Name"];
            name?: string | null;
            /** Format: int32 */
            pid?: number | null;
            version?: string | null;
        };
        /** @description What went wrong, as the runner tells it. */
        RunnerError: {
            /**
             * @description Stable and machine-readable; `definition_invalid` is never retried.
             * @example runner_error
             */
            code?: string;
            /** @description Evidence. */
            detail?: string | null;
            /** @description What to do about it. */
            hint?: string | null;
            /** @description One sentence. */
            message: string;
            /** @description Whether another attempt could go better. Default true. */
            retryable?: boolean;
        };
        /** @description A runner, as it described itself. */
        RunnerInfo: {
            host?: string | null;
            id: string;
            name?: string | null;
            /** Format: int32 */
            pid?: number | null;
            version?: string | null;
        };
        /** @description A runner and how it is. */
        RunnerStatus: {
            /** @description By a socket; else it polls. */
            connected: boolean;
            first_seen: string;
            host?: string | null;
            id: string;
            last_seen: string;
            /** @description Executions it holds. */
            leases: string[];
            name?: string | null;
            /** Format: int32 */
            pid?: number | null;
            /** @description Queues it polled, and when last. */
            queues: {
                [key: string]: string;
            };
            /** Format: int32 */
            slots: number;
            /** Format: int32 */
            slots_free: number;
            /** @description `live`, `late` or `lost`. */
            status: string;
            version?: string | null;
        };
        /** @description Runners. */
        Runners: {
            runners: components["schemas"]["RunnerStatus"][];
        };
        /** @description The fold of the content, keyed by id. */
        State: {
            /** @description AG-UI's agent state. */
            agent_state: unknown;
            artifacts: {
                [key: string]: unknown;
            };
            /** @description The application's own events, the latest value of each. */
            custom: {
                [key: string]: unknown;
            };
            messages: {
                [key: string]: unknown;
            };
            /** @description Named steps. */
            steps: {
                [key: string]: unknown;
            };
            sub_agents: {
                [key: string]: unknown;
            };
            tasks: {
                [key: string]: unknown;
            };
            todos: {
                [key: string]: unknown;
            };
            tool_calls: {
                [key: string]: unknown;
            };
        };
        /** @description How things stand. */
        Supervisor: {
            actors: components["schemas"]["SupervisorActors"];
            boot: components["schemas"]["SupervisorBoot"];
            deadlines: components["schemas"]["SupervisorDeadlines"];
            /** @description Live executions by phase. */
            executions: {
                [key: string]: number;
            };
            feed: components["schemas"]["SupervisorFeed"];
            journal: components["schemas"]["SupervisorJournal"];
            limbo: components["schemas"]["SupervisorLimbo"];
            /** Format: date-time */
            now: string;
            /** Format: int64 */
            restarts: number;
            /** Format: date-time */
            started_at: string;
            store: components["schemas"]["SupervisorStore"];
            version: string;
        };
        /** @description What is in memory. */
        SupervisorActors: {
            /**
             * Format: int64
             * @description Execution actors.
             */
            executions: number;
            /**
             * Format: int64
             * @description Live executions, in memory or not.
             */
            live: number;
            /**
             * Format: int64
             * @description Queue actors.
             */
            queues: number;
            /**
             * Format: int64
             * @description Runners known.
             */
            runners: number;
            /**
             * Format: int64
             * @description Of those, connected by a socket.
             */
            sessions: number;
        };
        /** @description What was found and done at the last start. */
        SupervisorBoot: {
            /** Format: int64 */
            epoch: number;
            /**
             * Format: int64
             * @description Executions of that set that failed since.
             */
            failed: number;
            /**
             * Format: int64
             * @description Of those, held by runners that were given a grace.
             */
            leases_in_grace: number;
            /**
             * Format: int64
             * @description Deadlines that passed while the server was down.
             */
            overdue: number;
            /**
             * Format: int64
             * @description Of those, waiting for a person without a runner.
             */
            parked: number;
            /**
             * Format: int64
             * @description Of those, waiting in queues.
             */
            queued: number;
            /**
             * Format: int64
             * @description Live executions found in the log.
             */
            recovered: number;
            /**
             * Format: int64
             * @description Leases lost since, whose executions went back to their queues.
             */
            requeued: number;
            /**
             * Format: int64
             * @description Leases whose runners have been heard from since.
             */
            returned: number;
            /** @description One sentence. */
            summary: string;
            /** Format: int64 */
            took_ms: number;
        };
        /** @description Deadlines by kind. */
        SupervisorDeadlines: {
            armed: {
                [key: string]: number;
            };
            /**
             * Format: int64
             * @description What lateness stays within where the machine keeps up.
             */
            epsilon_ms: number;
            fired: {
                [key: string]: number;
            };
            /** @description From due to decided. */
            lateness_ms: components["schemas"]["Quantiles"];
        };
        /** @description Who watches, and what went out. */
        SupervisorFeed: {
            /** Format: int64 */
            bytes_out: number;
            /**
             * Format: int64
             * @description Of those, reading what was there when they came.
             */
            catching_up: number;
            /**
             * Format: int64
             * @description Connections ended because they did not take what was sent.
             */
            cut: number;
            /**
             * Format: int64
             * @description Executions written or watched.
             */
            feeds: number;
            /** Format: int64 */
            frames_out: number;
            /**
             * Format: int64
             * @description Of those, fallen behind and reading from disk.
             */
            lagging: number;
            /**
             * Format: int64
             * @description Of those, with all there is or reading from memory.
             */
            live: number;
            /** @description From durable to taken by the transport, of events that reach their reader live. */
            publish_to_write: components["schemas"]["LatencySummary"];
            /** @description By transport. */
            subscribers: {
                [key: string]: number;
            };
        };
        /** @description What is written together, and how long the disk takes. */
        SupervisorJournal: {
            /** Format: double */
            batch_max: number;
            /**
             * Format: double
             * @description Events of a batch.
             */
            batch_p50: number;
            /** Format: int64 */
            commits: number;
            /** Format: int64 */
            events: number;
            /**
             * Format: int64
             * @description Appends that wait.
             */
            queued: number;
            sync_ms: components["schemas"]["Quantiles"];
        };
        /** @description The audit that looks for executions which nothing would ever end. */
        SupervisorLimbo: {
            /** Format: date-time */
            checked_at?: string | null;
            /** Format: int64 */
            live: number;
            /** @description Ids of live executions with neither an armed deadline nor a live lease. Always empty. */
            violations: string[];
        };
        /** @description Whether what is written reaches the disk. */
        SupervisorStore: {
            /**
             * Format: int64
             * @description How often the folder was opened.
             */
            epoch: number;
            /** @description Why it is not. */
            error?: string | null;
            /**
             * Format: int32
             * @description Of the data folder.
             */
            format: number;
            healthy: boolean;
        };
        /** @description What went through a queue. */
        Throughput: {
            /** Format: int64 */
            claimed: number;
            /**
             * Format: int64
             * @description Came to an end, however they did.
             */
            ended: number;
            /**
             * Format: int64
             * @description Came to wait: created, to be retried, or answered.
             */
            entered: number;
        };
        /** @description Timeouts to set; what is left out keeps its default or its value. */
        TimeoutChanges: {
            /**
             * @description From a requested cancellation to a forced one. Default 30s; it cannot be switched off.
             * @default null
             */
            cancel?: components["schemas"]["Duration"];
            /**
             * @description Between two signs of life. Default 30s; it cannot be switched off.
             * @default null
             */
            heartbeat?: components["schemas"]["Duration"];
            /** @default null */
            progress?: components["schemas"]["Duration"] | null;
            /** @default null */
            schedule_to_close?: components["schemas"]["Duration"] | null;
            /**
             * @description Due in its queue → taken by a runner. Default 1m; it cannot be switched off.
             * @default null
             */
            schedule_to_start?: components["schemas"]["Duration"];
            /** @default null */
            start_to_close?: components["schemas"]["Duration"] | null;
            /**
             * @description A person's answer. Default 7 days; it cannot be switched off.
             * @default null
             */
            waiting?: components["schemas"]["Duration"];
        };
        /** @description Timeouts as they stand; durations such as `30s`. */
        Timeouts: {
            cancel: string;
            heartbeat: string;
            progress?: string | null;
            schedule_to_close?: string | null;
            schedule_to_start: string;
            start_to_close?: string | null;
            waiting: string;
        };
        /**
         * @description `PATCH /v1/executions/{id}`. What is left out stays.
         * @example {
         *       "priority": 10,
         *       "timeouts": {
         *         "start_to_close": "10m"
         *       }
         *     }
         */
        Update: {
            /** @description All labels, new. */
            labels?: {
                [key: string]: string;
            } | null;
            /**
             * Format: int32
             * @description Higher goes first.
             */
            priority?: number | null;
            timeouts?: components["schemas"]["TimeoutChanges"] | null;
        };
        /**
         * @description Which events a reader sees, and in which words.
         * @enum {string}
         */
        ViewName: "full" | "status" | "agui";
        /**
         * @description `POST …/wait`.
         * @example {
         *       "batch": 8,
         *       "lease": "0198f1d2c3b4a5968778695a4b3c2d1e",
         *       "prompt": "Send it?",
         *       "schema": {
         *         "required": [
         *           "approved"
         *         ],
         *         "type": "object"
         *       },
         *       "timeout": "1h"
         *     }
         */
        Wait: {
            /**
             * Format: int64
             * @description As in `events`, and of the same numbers: a repeat answers as before and asks nothing, even
             *     where its answer has come since.
             */
            batch?: number | null;
            /** @description Whether the lease is kept meanwhile. Default true. */
            hold?: boolean;
            lease: components["schemas"]["LeaseToken"];
            /** @description The question. */
            prompt?: string | null;
            /**
             * @description JSON Schema of the answer, of draft 6 or later. References are `#/` and the place of another part
             *     of it, and lead into no circle; followed, it has at most 10,000 values.
             */
            schema?: Record<string, never> | null;
            timeout?: components["schemas"]["Duration"] | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Answered = components['schemas']['Answered'];
export type Beat = components['schemas']['Beat'];
export type ByPhase = components['schemas']['ByPhase'];
export type Cancel = components['schemas']['Cancel'];
export type CancelState = components['schemas']['CancelState'];
export type Cancelled = components['schemas']['Cancelled'];
export type Checkpoint = components['schemas']['Checkpoint'];
export type Claim = components['schemas']['Claim'];
export type Claimed = components['schemas']['Claimed'];
export type Complete = components['schemas']['Complete'];
export type Counted = components['schemas']['Counted'];
export type Create = components['schemas']['Create'];
export type Created = components['schemas']['Created'];
export type Deadline = components['schemas']['Deadline'];
export type Dispatch = components['schemas']['Dispatch'];
export type Done = components['schemas']['Done'];
export type Duration = components['schemas']['Duration'];
export type Event = components['schemas']['Event'];
export type EventPage = components['schemas']['EventPage'];
export type Execution = components['schemas']['Execution'];
export type ExecutionId = components['schemas']['ExecutionId'];
export type ExecutionWithState = components['schemas']['ExecutionWithState'];
export type Explanation = components['schemas']['Explanation'];
export type Fail = components['schemas']['Fail'];
export type Failure = components['schemas']['Failure'];
export type FieldError = components['schemas']['FieldError'];
export type Heartbeat = components['schemas']['Heartbeat'];
export type Instant = components['schemas']['Instant'];
export type Kind = components['schemas']['Kind'];
export type LatencySummary = components['schemas']['LatencySummary'];
export type Lease = components['schemas']['Lease'];
export type LeaseToken = components['schemas']['LeaseToken'];
export type Listed = components['schemas']['Listed'];
export type Name = components['schemas']['Name'];
export type Pause = components['schemas']['Pause'];
export type Phase = components['schemas']['Phase'];
export type PostEvents = components['schemas']['PostEvents'];
export type PostedEvent = components['schemas']['PostedEvent'];
export type Problem = components['schemas']['Problem'];
export type Progress = components['schemas']['Progress'];
export type Quantiles = components['schemas']['Quantiles'];
export type Question = components['schemas']['Question'];
export type Queue = components['schemas']['Queue'];
export type QueueKey = components['schemas']['QueueKey'];
export type QueueLimits = components['schemas']['QueueLimits'];
export type QueueRate = components['schemas']['QueueRate'];
export type QueueUpdate = components['schemas']['QueueUpdate'];
export type Queues = components['schemas']['Queues'];
export type Rate = components['schemas']['Rate'];
export type Reason = components['schemas']['Reason'];
export type Resume = components['schemas']['Resume'];
export type Retried = components['schemas']['Retried'];
export type Retry = components['schemas']['Retry'];
export type RetryPolicy = components['schemas']['RetryPolicy'];
export type Runner = components['schemas']['Runner'];
export type RunnerError = components['schemas']['RunnerError'];
export type RunnerInfo = components['schemas']['RunnerInfo'];
export type RunnerStatus = components['schemas']['RunnerStatus'];
export type Runners = components['schemas']['Runners'];
export type State = components['schemas']['State'];
export type Supervisor = components['schemas']['Supervisor'];
export type SupervisorActors = components['schemas']['SupervisorActors'];
export type SupervisorBoot = components['schemas']['SupervisorBoot'];
export type SupervisorDeadlines = components['schemas']['SupervisorDeadlines'];
export type SupervisorFeed = components['schemas']['SupervisorFeed'];
export type SupervisorJournal = components['schemas']['SupervisorJournal'];
export type SupervisorLimbo = components['schemas']['SupervisorLimbo'];
export type SupervisorStore = components['schemas']['SupervisorStore'];
export type Throughput = components['schemas']['Throughput'];
export type TimeoutChanges = components['schemas']['TimeoutChanges'];
export type Timeouts = components['schemas']['Timeouts'];
export type Update = components['schemas']['Update'];
export type ViewName = components['schemas']['ViewName'];
export type Wait = components['schemas']['Wait'];
export type $defs = Record<string, never>;
export interface operations {
    asyncapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description AsyncAPI 3.0 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    livez: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Figures */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/openmetrics-text": string;
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description They are */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listExecutions: {
        parameters: {
            query?: {
                /** @description In this phase */
                phase?: components["schemas"]["Phase"];
                /** @description In its phase for this reason */
                reason?: components["schemas"]["Reason"];
                /** @description Of this kind */
                kind?: components["schemas"]["Kind"];
                /** @description With this name */
                name?: string;
                /** @description In this queue */
                queue?: components["schemas"]["Name"];
                /** @description Last held by the runner with this id */
                runner?: components["schemas"]["Name"];
                /** @description With this label, as `key:value` */
                label?: string;
                /** @description Children of this execution */
                parent?: components["schemas"]["ExecutionId"];
                /** @description Those that try this execution again */
                retry_of?: components["schemas"]["ExecutionId"];
                /** @description With an id that starts so */
                id_prefix?: string;
                /** @description Created at or after, RFC 3339 */
                since?: components["schemas"]["Instant"];
                /** @description Created before, RFC 3339 */
                until?: components["schemas"]["Instant"];
                /** @description Rows wanted */
                limit?: number;
                /** @description `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key and body give the same execution; another body is 422. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Create"];
            };
        };
        responses: {
            /** @description Created, or found by its idempotency key (then with `Idempotency-Replayed: true`) */
            201: {
                headers: {
                    /** @description The execution */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Created"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    countExecutions: {
        parameters: {
            query?: {
                /** @description In this phase */
                phase?: components["schemas"]["Phase"];
                /** @description In its phase for this reason */
                reason?: components["schemas"]["Reason"];
                /** @description Of this kind */
                kind?: components["schemas"]["Kind"];
                /** @description With this name */
                name?: string;
                /** @description In this queue */
                queue?: components["schemas"]["Name"];
                /** @description Last held by the runner with this id */
                runner?: components["schemas"]["Name"];
                /** @description With this label, as `key:value` */
                label?: string;
                /** @description Children of this execution */
                parent?: components["schemas"]["ExecutionId"];
                /** @description Those that try this execution again */
                retry_of?: components["schemas"]["ExecutionId"];
                /** @description With an id that starts so */
                id_prefix?: string;
                /** @description Created at or after, RFC 3339 */
                since?: components["schemas"]["Instant"];
                /** @description Created before, RFC 3339 */
                until?: components["schemas"]["Instant"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Counted"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of an earlier answer */
                "If-None-Match"?: string | null;
            };
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The execution */
            200: {
                headers: {
                    /** @description Its seq, quoted */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionWithState"];
                };
            };
            /** @description It has not moved on since `If-None-Match` */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    purgeExecution: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Refuse with 412 unless the log ends at this seq */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Update"];
            };
        };
        responses: {
            /** @description As it is now */
            200: {
                headers: {
                    /** @description Its seq, quoted */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelExecution: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Cancel"];
            };
        };
        responses: {
            /** @description Requested; or cancelled, when no runner holds it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    acknowledgeCancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Cancelled"];
            };
        };
        responses: {
            /** @description It is in the log; asking again answers the same */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    confirmCancelled: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Cancelled"];
            };
        };
        responses: {
            /** @description Cancelled */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    complete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Complete"];
            };
        };
        responses: {
            /** @description Completed; asking again under the same lease answers the same */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readEvents: {
        parameters: {
            query?: {
                /** @description Events after this seq */
                after?: number;
                /** @description Most events of a page */
                limit?: number;
                /** @description Which events, in which words */
                view?: components["schemas"]["ViewName"];
                /** @description How long a page may wait for its first event, such as `30s`. A `head` before `after` says that the reader knows another log than this one */
                wait?: components["schemas"]["Duration"];
                /** @description Streams only: begin with the state instead of `after` */
                snapshot?: boolean;
            };
            header?: {
                /** @description Streams only: as `after`, and wins over it */
                "Last-Event-ID"?: number | null;
            };
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page, or the stream */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                    "text/event-stream": string;
                };
            };
            /** @description A stream that reconnects after its end */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not_acceptable */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postEvents: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostEvents"];
            };
        };
        responses: {
            /** @description They are in the log; a repeated batch answers as before */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    explainExecution: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cause, evidence, next deadline, actions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    fail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Fail"];
            };
        };
        responses: {
            /** @description The attempt failed; it is retried where the policy says so */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    heartbeat: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Heartbeat"];
            };
        };
        responses: {
            /** @description Heard */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Beat"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resumeExecution: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Resume"];
            };
        };
        responses: {
            /** @description Answered */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    retryExecution: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The terminal execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Retried"];
            };
        };
        responses: {
            /** @description The new execution, with `retry_of` */
            201: {
                headers: {
                    /** @description The new execution */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Created"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    streamExecution: {
        parameters: {
            query?: {
                /** @description Where to begin: `-1`, `now`, or the `Stream-Next-Offset` of an answer */
                offset?: string;
                /** @description `long-poll` or `sse`; needs `offset` */
                live?: string;
                /** @description The `Stream-Cursor` of the last answer */
                cursor?: string;
            };
            header?: {
                /** @description The `ETag` of an earlier answer */
                "If-None-Match"?: string | null;
            };
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events, or the stream */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown[];
                    "text/event-stream": string;
                };
            };
            /** @description A long poll that nothing came for */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing has changed since that answer */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    headExecutionStream: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description `Stream-Next-Offset`, and `Stream-Closed` once it is over */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    wait: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The execution */
                id: components["schemas"]["ExecutionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Wait"];
            };
        };
        responses: {
            /** @description The question stands; a repeat of it answers as before */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listQueues: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Queues */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queues"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getQueue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The queue */
                queue: components["schemas"]["Name"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The queue */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queue"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    updateQueue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The queue */
                queue: components["schemas"]["Name"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QueueUpdate"];
            };
        };
        responses: {
            /** @description As it is now, on disk */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queue"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    claim: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The queue */
                queue: components["schemas"]["Name"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Claim"];
            };
        };
        responses: {
            /** @description Leases */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Claimed"];
                };
            };
            /** @description There was nothing, for as long as was asked */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description lease_superseded, out_of_order, execution_terminal, execution_exists, not_terminal, not_waiting, not_claimable, not_cancelling, not_due, state_limit, not_registered, already_registered, runner_connected, subscription_exists, stream_exists, stream_closed, stream_type_mismatch, stream_seq_conflict, producer_gap */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description precondition_failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body_too_large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description unsupported_media_type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused, not_supported */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listRunners: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Runners */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Runners"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getRunner: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The runner */
                id: components["schemas"]["Name"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The runner */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunnerStatus"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description route_not_found, execution_not_found, queue_not_found, runner_not_found, stream_not_found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSupervisor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Store, actors, deadlines, limbo audit, journal, feed, boot report */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Supervisor"];
                };
            };
            /** @description malformed_request, malformed_json, invalid_query, invalid_header, not_a_websocket */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host_not_allowed, origin_not_allowed, producer_fenced */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description method_not_allowed */
            405: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description corrupt, internal */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description overloaded, store_unavailable, interrupted, shutting_down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
