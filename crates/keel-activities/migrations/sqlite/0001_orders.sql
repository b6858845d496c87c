-- Orders, the steps of their fulfilment, their audit, and the stock.
-- Times are ISO-8601 UTC text with microseconds, so that both databases sort and show them alike.

CREATE TABLE orders (
    order_id         TEXT PRIMARY KEY,
    customer_id      TEXT NOT NULL,
    currency         TEXT NOT NULL,
    total_minor      INTEGER NOT NULL CHECK (total_minor >= 0),
    requested_by     TEXT,
    status           TEXT NOT NULL CHECK (status IN
        ('pending', 'approved', 'rejected', 'completed', 'expired', 'compensating', 'failed', 'cancelled')),
    workflow_id      TEXT,
    run_id           TEXT,
    decision_verdict TEXT CHECK (decision_verdict IN ('approve', 'reject')),
    decision_by      TEXT,
    decision_reason  TEXT,
    decision_at      TEXT,
    failure_type     TEXT,
    failure_message  TEXT,
    created_at       TEXT NOT NULL,
    updated_at       TEXT NOT NULL
) STRICT;

CREATE TABLE inventory (
    sku      TEXT PRIMARY KEY,
    -- Free to promise; reserving moves pieces to reserved, shipping moves them on to shipped.
    on_hand  INTEGER NOT NULL CHECK (on_hand >= 0),
    reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    shipped  INTEGER NOT NULL DEFAULT 0 CHECK (shipped >= 0)
) STRICT;

CREATE TABLE order_lines (
    order_id         TEXT NOT NULL REFERENCES orders (order_id),
    line_no          INTEGER NOT NULL CHECK (line_no >= 1),
    sku              TEXT NOT NULL REFERENCES inventory (sku),
    quantity         INTEGER NOT NULL CHECK (quantity >= 1),
    unit_price_minor INTEGER NOT NULL CHECK (unit_price_minor >= 0),
    PRIMARY KEY (order_id, line_no)
) STRICT;

-- Every run that ever owned an order: the newest is in orders, the older ones may not touch it any more.
CREATE TABLE order_runs (
    order_id    TEXT NOT NULL REFERENCES orders (order_id),
    run_id      TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    at          TEXT NOT NULL,
    PRIMARY KEY (order_id, run_id)
) STRICT;

CREATE TABLE order_steps (
    order_id   TEXT NOT NULL REFERENCES orders (order_id),
    step       TEXT NOT NULL CHECK (step IN
        ('reserveInventory', 'chargePayment', 'bookShipment', 'processApprovedOrder')),
    state      TEXT NOT NULL CHECK (state IN ('started', 'done', 'undoing', 'undone')),
    -- The provider's number of what was done, and of what undid it.
    reference  TEXT,
    undo_reference TEXT,
    -- Why it was refused, if it was.
    note       TEXT,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (order_id, step)
) STRICT;

CREATE TABLE reservations (
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    sku      TEXT NOT NULL REFERENCES inventory (sku),
    quantity INTEGER NOT NULL CHECK (quantity >= 1),
    state    TEXT NOT NULL CHECK (state IN ('held', 'released', 'shipped')),
    PRIMARY KEY (order_id, sku)
) STRICT;

-- The audit: one row for every change of an order, written with the change, never altered.
CREATE TABLE order_events (
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    seq      INTEGER NOT NULL CHECK (seq >= 1),
    kind     TEXT NOT NULL,
    detail   TEXT NOT NULL,
    at       TEXT NOT NULL,
    -- Set for notes without a change of state, so that a retry does not write them twice.
    dedup    TEXT,
    PRIMARY KEY (order_id, seq),
    UNIQUE (order_id, dedup)
) STRICT;

CREATE TRIGGER order_events_no_update BEFORE UPDATE ON order_events
BEGIN
    SELECT RAISE(ABORT, 'order_events is append-only');
END;

CREATE TRIGGER order_events_no_delete BEFORE DELETE ON order_events
BEGIN
    SELECT RAISE(ABORT, 'order_events is append-only');
END;
