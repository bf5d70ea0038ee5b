-- What whoever keeps watch has to know: tokens, budgets of calls, and alerts that were given.
-- They are about this place: a copy of the archive elsewhere begins without them.

-- What Facebook last said of a Page's token; never the token. No time: it does not end.
CREATE TABLE page_tokens (
    page_id TEXT PRIMARY KEY,
    is_valid BOOLEAN NOT NULL,
    kind TEXT,
    expires_at TIMESTAMPTZ,
    data_access_expires_at TIMESTAMPTZ,
    message TEXT,
    checked_at TIMESTAMPTZ NOT NULL
);

-- How much of its calls a Page has used up, as last told; the page_id '' is the app's budget.
CREATE TABLE graph_budgets (
    page_id TEXT PRIMARY KEY,
    percent DOUBLE PRECISION NOT NULL,
    closed_until TIMESTAMPTZ,
    heard_at TIMESTAMPTZ NOT NULL
);

-- One row is one alert that is on, or whose end has not been told yet.
-- told_at     no time: it has not been told yet, and is tried again
-- over_at     it is over since then; the row goes when that is told
CREATE TABLE alerts (
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    told_at TIMESTAMPTZ,
    over_at TIMESTAMPTZ,
    PRIMARY KEY (name, subject)
);
