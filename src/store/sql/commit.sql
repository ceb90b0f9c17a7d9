-- Everything that a batch does, and the partition's next offset with it, by compare-and-set.
--
-- The n-th dead letter of a batch, and the orders behind it, are a microsecond later than those
-- before them, so that it can be told later which of two versions of an order was the newer. The
-- statement's time and not the transaction's, since there can be several in one.
--
-- Writing CTEs that nothing reads run from the last to the first: letters, sales, orders. Replays and
-- batches are kept apart by a table lock (see store/replay.rs). A trigger on `orders` takes cancelled
-- orders out of `sales`.
WITH moved AS (  -- no row: fenced, and nothing below happens
    UPDATE {schema}.partitions
    SET next_offset = $5, leader_epoch = $6, moved_by = $7, moved_at = now()
    WHERE topic = $1 AND partition = $2 AND topic_id = $3 AND next_offset = $4
    RETURNING
        statement_timestamp() AT TIME ZONE 'UTC' AS processed_at,
        -- Here, since a CTE that nothing reads never runs. True: for this transaction only. The time
        -- zone is for a table `sales` whose processed_at has one.
        set_config('synchronous_commit', $8, true), set_config('TimeZone', 'UTC', true),
        set_config('vendas.noted', $22::boolean::text, true)
), upserted_orders AS (
    INSERT INTO {schema}.orders
        (order_id, numbered, total, items, sold_at, charges, kept, cancelled, counted_at,
         processed_at)
    SELECT batch.order_id, batch.numbered, batch.total, batch.items, batch.sold_at,
           batch.charges, batch.kept, batch.cancelled, batch.counted_at,
           moved.processed_at + batch.letters_before * INTERVAL '1 microsecond'
    FROM moved, UNNEST($13::{schema}.order_row[]) AS batch
    ON CONFLICT (order_id, numbered) DO UPDATE
    SET total = excluded.total, items = excluded.items, sold_at = excluded.sold_at,
        charges = excluded.charges, kept = excluded.kept, cancelled = excluded.cancelled,
        counted_at = excluded.counted_at, processed_at = excluded.processed_at
), unlisted AS (  -- numbered orders whose newest version has no row here
    DELETE FROM {schema}.orders
    -- A limit that the planner does not know makes it reckon with one row instead of ten, and so
    -- take the index also where it takes `orders` for tiny: a plan made then is kept while it grows.
    USING moved,
          (SELECT number::text AS id FROM UNNEST($11::bigint[]) AS number LIMIT cardinality($11)) AS batch
    WHERE orders.numbered AND orders.order_id = batch.id
), upserted_sales AS (
    INSERT INTO {schema}.sales (order_number, total, counted_at, processed_at)
    SELECT batch.number, batch.total, batch.counted_at,
           moved.processed_at + batch.letters_before * INTERVAL '1 microsecond'
    FROM moved, UNNEST($9::bigint[], $10::numeric[], $12::int[], $21::timestamp[])
        AS batch (number, total, letters_before, counted_at)
    ON CONFLICT (order_number) DO UPDATE
    SET total = excluded.total, counted_at = excluded.counted_at, processed_at = excluded.processed_at
), upserted_dead_letters AS (
    INSERT INTO {schema}.dead_letters
        (topic, partition, topic_id, record_offset, key, payload, reason, detail,
         record_timestamp, headers, failed_at)
    SELECT $1, $2, $3, batch.record_offset, batch.key, batch.payload, batch.reason, batch.detail,
           batch.record_timestamp, batch.headers,
           statement_timestamp() + (batch.position - 1) * INTERVAL '1 microsecond'
    FROM moved,
         UNNEST($14::bigint[], $15::bytea[], $16::bytea[], $17::text[], $18::text[],
                $19::bigint[], $20::bytea[])
             WITH ORDINALITY AS batch
             (record_offset, key, payload, reason, detail, record_timestamp, headers, position)
    -- A record that is read again and fails again is open again: what a replay made of it may have
    -- been overwritten by what was read again before it. What was discarded stays so if it is the
    -- same record, which fails for the same reason.
    ON CONFLICT (topic_id, partition, record_offset) DO UPDATE
    SET key = excluded.key, payload = excluded.payload,
        reason = excluded.reason, detail = excluded.detail, failed_at = excluded.failed_at,
        record_timestamp = excluded.record_timestamp, headers = excluded.headers,
        replayed_at = NULL, order_id = NULL, numbered = NULL,
        (discarded_at, discarded_because) = (
            SELECT dead_letters.discarded_at, dead_letters.discarded_because
            WHERE dead_letters.reason = excluded.reason
              AND dead_letters.payload IS NOT DISTINCT FROM excluded.payload
        )
), noted_sales AS (  -- what is written above, since $22 says so
    INSERT INTO {schema}.sales_ledger (hours, orders, totals)
    SELECT $23::timestamp[], $24::bigint[], $25::numeric[]
    FROM moved
    WHERE cardinality($23) > 0
), noted_orders AS (
    INSERT INTO {schema}.orders_ledger
        (hours, orders, totals, charges, days, products, product_orders, quantities, amounts)
    SELECT $26::timestamp[], $27::bigint[], $28::numeric[], $29::numeric[],
           $30::date[], $31::text[], $32::bigint[], $33::numeric[], $34::numeric[]
    FROM moved
    WHERE cardinality($26) > 0
)
SELECT count(*) FROM moved
