// Types of the frames of the WebSockets, as the server describes them. Written by `npm run generate`.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The operation of this id is done; where it wrote, its end is durable at `seq`. */
        Ack: {
            id: unknown;
            /** @constant */
            op: "ack";
            /** Format: int64 */
            seq?: number | null;
        };
        /** @description One of them. */
        Beat: {
            execution: string;
            lease: string;
            progress?: components["schemas"]["Progress"] | null;
        };
        /** @description The runner knows that it is to stop, and is stopping. */
        CancelAcknowledged: {
            execution: string;
            id?: unknown;
            lease: string;
            /** @constant */
            op: "cancel_acknowledged";
        };
        /** @description A person wants it to stop. */
        CancelFrame: {
            /** @description When it is forced. */
            deadline: string;
            execution: string;
            lease: string;
            /** @constant */
            op: "cancel";
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
        /** @description The runner has stopped on request. */
        Cancelled: {
            execution: string;
            id: unknown;
            lease: string;
            /** @constant */
            op: "cancelled";
        };
        /** @description An execution of the list has changed. */
        Change: {
            execution: string;
            id: unknown;
            /** @constant */
            op: "change";
            /** Format: int64 */
            seq: number;
            state: components["schemas"]["Execution"];
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
        /** @description The runner finished. */
        Complete: {
            execution: string;
            id: unknown;
            lease: string;
            /** @constant */
            op: "complete";
            output?: unknown;
        };
        /** @description An armed timeout. */
        Deadline: {
            /** Format: date-time */
            at: string;
            /** @description What runs out. */
            kind: string;
        };
        /** @description Take nothing more; the socket closes with 1000 when nothing is held. */
        Drain: {
            id?: unknown;
            /** @constant */
            op: "drain";
        };
        /** @description The terminal event was shown; the subscription is over. */
        End: {
            execution: string;
            /** @constant */
            op: "end";
            phase: string;
            /** Format: int64 */
            seq: number;
        };
        /** @description An execution that is in the list now, as it stands. `seq` never goes back. */
        Enter: {
            execution: string;
            id: unknown;
            /** @constant */
            op: "enter";
            /** Format: int64 */
            seq: number;
            state: components["schemas"]["Execution"];
        };
        /** @description An operation was wrong, or a subscription could not go on. */
        Error: {
            id?: unknown;
            /** @constant */
            op: "error";
            problem: components["schemas"]["Problem"];
        };
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
        /** @description One event. */
        EventFrame: {
            event: components["schemas"]["Event"];
            /** @constant */
            op: "event";
        };
        /** @description Append what the runner produced. */
        Events: {
            /**
             * Format: int64
             * @description Increases within a lease, gaps allowed; one at or below the last is a repeat.
             */
            batch?: number | null;
            events: components["schemas"]["PostedEvent"][];
            execution: string;
            id: unknown;
            lease: string;
            /** @constant */
            op: "events";
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
        /** @description An execution with what its runner made of it. */
        ExecutionWithState: components["schemas"]["Execution"] & {
            state: components["schemas"]["State"];
        };
        /** @description The runner failed. */
        Fail: {
            error: components["schemas"]["RunnerFailure"];
            execution: string;
            id: unknown;
            lease: string;
            /** @constant */
            op: "fail";
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
        /** @description Which executions a list is of: all that is named must match, as in `GET /v1/executions`. */
        Filter: {
            id_prefix?: string | null;
            kind?: string | null;
            /** @description `key:value`. */
            label?: string | null;
            name?: string | null;
            /** @description An execution's id: its children. */
            parent?: string | null;
            phase?: string | null;
            queue?: string | null;
            reason?: string | null;
            /** @description An execution's id: those that try it again. */
            retry_of?: string | null;
            runner?: string | null;
            since?: string | null;
            until?: string | null;
        };
        /** @description Signs of life of many leases, and of the runner: at least every `heartbeat` of `registered`. */
        Heartbeat: {
            executions: components["schemas"]["Beat"][];
            /** @description Answered at once: signs of life are not written down. */
            id?: unknown;
            /** @constant */
            op: "heartbeat";
        };
        /** @description An execution and the lease under which it is held. */
        Held: {
            execution: string;
            lease: string;
        };
        /** @description The first frame. */
        Hello: {
            connection: string;
            /** @description Between two pings of the server. */
            heartbeat: string;
            limits: components["schemas"]["Limits"];
            /** @constant */
            op: "hello";
        };
        /**
         * @description Agent or workflow.
         * @enum {string}
         */
        Kind: "agent" | "workflow";
        /** @description The reader fell behind what memory keeps; what follows is read from disk. */
        Lag: {
            /** Format: int64 */
            at: number;
            execution: string;
            /** Format: int64 */
            head: number;
            /** @constant */
            op: "lag";
        };
        /** @description Work. */
        Lease: {
            /** Format: int64 */
            attempt: number;
            checkpoint?: components["schemas"]["Checkpoint"] | null;
            execution: components["schemas"]["ExecutionWithState"];
            /** @description How often a sign of life of this lease must come. */
            heartbeat: string;
            lease: string;
            /** @constant */
            op: "lease";
            /** @description W3C trace context that came with the creation, to go on with; null when none did. */
            traceparent?: string | null;
        };
        /** @description An execution is not in the list any more. */
        Leave: {
            execution: string;
            id: unknown;
            /** @constant */
            op: "leave";
            /** @description Where it is now; null when it was purged. */
            phase?: string | null;
            /** Format: int64 */
            seq: number;
        };
        /** @description What the server lets a connection do. */
        Limits: {
            /**
             * Format: int64
             * @description Bytes of one message, all its fragments together.
             */
            message_bytes: number;
            /**
             * Format: int64
             * @description Open at once.
             */
            subscriptions: number;
        };
        /** @description The rows that stood at the beginning have been shown. */
        Listed: {
            id: unknown;
            /** @description Where `GET /v1/executions` goes on with older ones. */
            next_cursor?: string | null;
            /** @constant */
            op: "listed";
        };
        /** @description The reader has all there is again. */
        Live: {
            execution: string;
            /** @constant */
            op: "live";
            /** Format: int64 */
            seq: number;
        };
        /**
         * @description Where an execution is in its life; the last three are final.
         * @enum {string}
         */
        Phase: "pending" | "in_progress" | "waiting" | "completed" | "failed" | "cancelled";
        /** @description A ping that scripts can see, either way; `t` comes back. */
        Ping: {
            /** @constant */
            op: "ping";
            t?: unknown;
        };
        /** @description The answer to a ping. */
        Pong: {
            /** @constant */
            op: "pong";
            t?: unknown;
        };
        /** @description An event as posted. */
        PostedEvent: {
            data: unknown;
            /** @description An AG-UI 1.0 event type. */
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
        /** @description The server stops; a close with 1001 follows. */
        Reconnect: {
            /** @description When to come back. */
            after: string;
            /** @constant */
            op: "reconnect";
        };
        /** @description The first of a runner: who it is, what it serves, how much it takes at once. */
        Register: {
            id?: unknown;
            /**
             * @description What it is still at work on, when it returns. What else its session held goes back to its
             *     queue; left out, it keeps all of that.
             */
            leases?: components["schemas"]["Held"][] | null;
            /** @constant */
            op: "register";
            /** @description 1 to 64, each once; they share the slots. */
            queues: string[];
            runner: components["schemas"]["RunnerInfo"];
            /** @description Of its last `registered`, when it returns. */
            session?: string | null;
            /** Format: int64 */
            slots: number;
        };
        /** @description The runner is connected. */
        Registered: {
            /** @description How often it gives a sign of life. */
            heartbeat: string;
            /** @description What it keeps. What else it is at work on is lost. */
            leases: components["schemas"]["Held"][];
            /** @constant */
            op: "registered";
            /** @description A secret, for its return. */
            session: string;
        };
        /** @description What the reader wants is not there: it begins anew at `oldest`. */
        Reset: {
            execution: string;
            /** Format: int64 */
            oldest: number;
            /** @constant */
            op: "reset";
            /** @description `ahead_of_log` or `purged`. */
            reason: string;
        };
        /** @description The list fell behind and is sent anew: what was shown of it counts no more. */
        ResetList: {
            id: unknown;
            /** @constant */
            op: "reset";
            reason: string;
        };
        /** @description The body of a resource as it is now; at most one a second. */
        ResourceFrame: {
            body: unknown;
            id: unknown;
            /** @constant */
            op: "resource";
        };
        /** @description The question was answered. May come twice, with the same `seq`, when the runner was away. */
        Resumed: {
            execution: string;
            input: unknown;
            lease: string;
            /** @constant */
            op: "resumed";
            /** Format: int64 */
            seq: number;
        };
        /** @description What happens after a failed attempt. */
        Retry: {
            /** Format: double */
            factor: number;
            initial_backoff: string;
            /** Format: int32 */
            max_attempts: number;
            max_backoff: string;
        };
        /** @description Stop: the lease is not the runner's any more. */
        Revoked: {
            execution: string;
            lease: string;
            /** @constant */
            op: "revoked";
            reason: string;
        };
        /** @description What went wrong. */
        RunnerFailure: {
            code?: string | null;
            detail?: string | null;
            hint?: string | null;
            message: string;
            retryable?: boolean | null;
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
        /** @description The state at `seq`; the event after it comes next. */
        Snapshot: {
            execution: string;
            /** @constant */
            op: "snapshot";
            /** Format: int64 */
            seq: number;
            state: components["schemas"]["ExecutionWithState"];
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
        /** @description Watch one execution: its events after `after`, or its state and then what follows. */
        Subscribe: {
            /** Format: int64 */
            after?: number | null;
            execution: string;
            id: unknown;
            /** @constant */
            op: "subscribe";
            snapshot?: boolean | null;
            view?: components["schemas"]["ViewName"] | null;
        };
        /** @description Watch a list: its rows, and then what enters, changes and leaves. */
        SubscribeList: {
            filter: components["schemas"]["Filter"];
            id: unknown;
            /**
             * Format: int64
             * @description Rows at its beginning, newest first.
             */
            limit?: number | null;
            /** @constant */
            op: "subscribe";
            view?: components["schemas"]["ViewName"] | null;
        };
        /**
         * @description Watch a resource: the body that `GET` gives, now and whenever it has changed. At most 16 at
         *     once on a connection.
         */
        SubscribeResource: {
            id: unknown;
            /** @constant */
            op: "subscribe";
            /**
             * @description `/v1/queues`, `/v1/queues/NAME`, `/v1/runners`, `/v1/runners/ID`, `/v1/supervisor`,
             *     `/v1/executions/ID/explain`, or `/v1/executions/counts` with the filter of a list as its
             *     query.
             */
            resource: string;
        };
        /** @description A subscription to an execution has begun. */
        Subscribed: {
            execution: string;
            /**
             * Format: int64
             * @description Where the log ends now.
             */
            head: number;
            /** @description Absent for the one that the URL asks for. */
            id?: unknown;
            /**
             * Format: int64
             * @description The first event there is.
             */
            oldest: number;
            /** @constant */
            op: "subscribed";
        };
        /** @description A subscription to a list has begun. */
        SubscribedList: {
            id: unknown;
            /** Format: int64 */
            limit: number;
            /** @constant */
            op: "subscribed";
        };
        /** @description A subscription to a resource has begun. */
        SubscribedResource: {
            id: unknown;
            /** @constant */
            op: "subscribed";
            resource: string;
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
        /** @description End a subscription. */
        Unsubscribe: {
            id: unknown;
            /** @constant */
            op: "unsubscribe";
        };
        /** @description A subscription was ended by the client. */
        Unsubscribed: {
            id: unknown;
            /** @constant */
            op: "unsubscribed";
        };
        /**
         * @description Which events a reader sees, and in which words.
         * @enum {string}
         */
        ViewName: "full" | "status" | "agui";
        /** @description The runner asks a person. */
        Wait: {
            /** Format: int64 */
            batch?: number | null;
            execution: string;
            /** @description Whether the lease is kept meanwhile. Default true. */
            hold?: boolean | null;
            id: unknown;
            lease: string;
            /** @constant */
            op: "wait";
            prompt?: string | null;
            schema?: unknown;
            timeout?: string | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Ack = components['schemas']['Ack'];
export type Beat = components['schemas']['Beat'];
export type CancelAcknowledged = components['schemas']['CancelAcknowledged'];
export type CancelFrame = components['schemas']['CancelFrame'];
export type CancelState = components['schemas']['CancelState'];
export type Cancelled = components['schemas']['Cancelled'];
export type Change = components['schemas']['Change'];
export type Checkpoint = components['schemas']['Checkpoint'];
export type Complete = components['schemas']['Complete'];
export type Deadline = components['schemas']['Deadline'];
export type Drain = components['schemas']['Drain'];
export type End = components['schemas']['End'];
export type Enter = components['schemas']['Enter'];
export type Error = components['schemas']['Error'];
export type Event = components['schemas']['Event'];
export type EventFrame = components['schemas']['EventFrame'];
export type Events = components['schemas']['Events'];
export type Execution = components['schemas']['Execution'];
export type ExecutionWithState = components['schemas']['ExecutionWithState'];
export type Fail = components['schemas']['Fail'];
export type Failure = components['schemas']['Failure'];
export type FieldError = components['schemas']['FieldError'];
export type Filter = components['schemas']['Filter'];
export type Heartbeat = components['schemas']['Heartbeat'];
export type Held = components['schemas']['Held'];
export type Hello = components['schemas']['Hello'];
export type Kind = components['schemas']['Kind'];
export type Lag = components['schemas']['Lag'];
export type Lease = components['schemas']['Lease'];
export type Leave = components['schemas']['Leave'];
export type Limits = components['schemas']['Limits'];
export type Listed = components['schemas']['Listed'];
export type Live = components['schemas']['Live'];
export type Phase = components['schemas']['Phase'];
export type Ping = components['schemas']['Ping'];
export type Pong = components['schemas']['Pong'];
export type PostedEvent = components['schemas']['PostedEvent'];
export type Problem = components['schemas']['Problem'];
export type Progress = components['schemas']['Progress'];
export type Question = components['schemas']['Question'];
export type Reconnect = components['schemas']['Reconnect'];
export type Register = components['schemas']['Register'];
export type Registered = components['schemas']['Registered'];
export type Reset = components['schemas']['Reset'];
export type ResetList = components['schemas']['ResetList'];
export type ResourceFrame = components['schemas']['ResourceFrame'];
export type Resumed = components['schemas']['Resumed'];
export type Retry = components['schemas']['Retry'];
export type Revoked = components['schemas']['Revoked'];
export type RunnerFailure = components['schemas']['RunnerFailure'];
export type RunnerInfo = components['schemas']['RunnerInfo'];
export type Snapshot = components['schemas']['Snapshot'];
export type State = components['schemas']['State'];
export type Subscribe = components['schemas']['Subscribe'];
export type SubscribeList = components['schemas']['SubscribeList'];
export type SubscribeResource = components['schemas']['SubscribeResource'];
export type Subscribed = components['schemas']['Subscribed'];
export type SubscribedList = components['schemas']['SubscribedList'];
export type SubscribedResource = components['schemas']['SubscribedResource'];
export type Timeouts = components['schemas']['Timeouts'];
export type Unsubscribe = components['schemas']['Unsubscribe'];
export type Unsubscribed = components['schemas']['Unsubscribed'];
export type ViewName = components['schemas']['ViewName'];
export type Wait = components['schemas']['Wait'];
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
