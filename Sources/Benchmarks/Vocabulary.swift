/// What the programs of the generated logs say. A field in braces is drawn anew for each line:
///
///     {u} a user   {o} an order   {n} a small number   {k} a large one   {d} a duration
///     {x} 8 hexadecimal digits    {p} a path           {a} an address    {v} a share in percent
///
/// Nothing here needs escaping in JSON.
enum Vocabulary {
    static let services = [
        "api", "orders", "stock", "payments", "search", "mailer", "sessions", "scheduler",
    ]

    /// Level, name and text of what happens within one process; each in the words of each part.
    static let happenings: [(level: String, name: String, text: String)] = [
        ("info", "request", "GET {p} 200 in {d}"),
        ("info", "request", "POST {p} 201 in {d}, {k} bytes"),
        ("info", "request", "GET {p} 304 in {d} for user {u}"),
        ("notice", "slow request", "GET {p} took {d}, expected at most 500 ms"),
        ("warning", "client error", "PUT {p} 409: order {o} was changed meanwhile"),
        ("error", "server error", "GET {p} 500 in {d}: @ did not answer, request {x}"),
        ("debug", "cache", "@ cache hit for user {u}, age {n} s"),
        ("debug", "cache", "@ cache miss for user {u}, loading {k} bytes from {a}"),
        ("debug", "cache", "@ cache evicted {n} entries, {v} full"),
        ("info", "login", "user {u} signed in from {a}"),
        ("warning", "login", "user {u} gave a wrong password {n} times, from {a}"),
        ("trace", "query", "@ query {x} matched {n} rows in {d}"),
        ("debug", "query", "@ query {x} scanned {k} rows, plan index_{n}"),
        ("warning", "query", "@ query {x} took {d}: no index for its filter"),
        ("info", "transaction", "@ transaction {o} committed, {n} statements in {d}"),
        ("warning", "transaction", "@ transaction {o} rolled back after {n} tries: deadlock"),
        ("debug", "connection", "@ connection {n} to {a} opened in {d}"),
        ("debug", "connection", "@ connection {n} to {a} closed after {k} requests"),
        ("error", "connection", "@ connection {n} to {a} was reset by its peer"),
        ("info", "job", "@ job {o} started on worker {n}"),
        ("info", "job", "@ job {o} done in {d}, {k} items"),
        ("error", "job", "@ job {o} failed on worker {n}: exit status {n}"),
        ("debug", "queue", "@ queue holds {k} items, {v} of its room"),
        ("notice", "queue", "@ queue is at {v}: taking no more for {d}"),
        ("trace", "lock", "@ lock {x} taken after {d}"),
        ("trace", "lock", "@ lock {x} given back by thread {n}"),
        ("debug", "collection", "garbage of @ collected in {d}: {k} KiB freed, {v} in use"),
        ("info", "checkpoint", "@ checkpoint {o} written: {k} pages, {d}"),
        ("info", "file", "@ rotated {p}.log after {k} lines"),
        ("info", "configuration", "@ read its configuration: revision {x}, {n} keys changed"),
        ("notice", "leader", "@ follows node {n} in term {k}"),
        ("critical", "disk", "@ volume {n} is {v} full: writes stop at 98 %"),
        ("debug", "batch", "@ batch {o} of {n} events flushed in {d}"),
        ("info", "health", "@ is healthy: load {v}, {k} requests since the last look"),
    ]

    /// The parts of each service, which its texts name in the place of `@`.
    static let parts = ["store", "index", "ledger", "gateway", "worker pool", "replica", "router"]

    static let sendings: [(level: String, name: String, text: String)] = [
        ("info", "reserve", "order {o}: {n} pieces for user {u}"),
        ("info", "charge", "order {o}: {k} cents from user {u}"),
        ("debug", "lookup", "asks for user {u}, request {x}"),
        ("debug", "replicate", "entry {o}, {n} bytes"),
        ("info", "ship", "order {o} to {a}"),
        ("notice", "invalidate", "user {u} everywhere"),
    ]

    static let receivings: [(level: String, name: String, text: String)] = [
        ("info", "reserved", "order {o}: {n} pieces, after {d}"),
        ("info", "charged", "order {o}: {k} cents"),
        ("debug", "found", "user {u} in {d}"),
        ("debug", "replicated", "entry {o} by {n} nodes"),
        ("info", "shipped", "order {o} leaves in {n} h"),
        ("warning", "refused", "order {o}: {n} pieces are not there"),
    ]

    /// Where requests go: a number follows.
    static let paths = [
        "/users/", "/orders/", "/api/v2/items/", "/api/v2/carts/", "/search/page/", "/images/",
        "/sessions/", "/reports/2026/",
    ]
}
