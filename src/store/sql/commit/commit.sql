-- Commits a batch and moves the partition's next offset by compare-and-set.
--
-- Its sections are the other files of this directory. A section without rows to write is left out:
-- it would still fire triggers. Data-modifying CTEs that are not read run from the last to the
-- first: dead letters, sales, orders. All statements write the tables in this order and rows sorted
-- by key, so they cannot deadlock. A table lock separates replays and commits (see
-- store/replay.rs). A trigger on `orders` removes cancelled orders from `sales`.
--
-- Each dead letter, and the orders after it, get a timestamp one microsecond later than the rows
-- before it. This shows later which of two versions of an order was newer. The timestamps are based
-- on the statement's time, not the transaction's, since a transaction can contain several such
-- statements.
WITH {listed}moved AS (  -- no row: fenced, and nothing below is written
    UPDATE {schema}.partitions
    SET next_offset = {to}, leader_epoch = {leader_epoch}, moved_by = {instance}, moved_at = now()
    WHERE topic = {topic} AND partition = {partition} AND topic_id = {topic_id}
      AND next_offset = {from}
      -- The boundary by which the orders were judged (see store/retention.rs).
      AND (SELECT purged_before FROM {schema}.retention) IS NOT DISTINCT FROM {judged_by}::timestamp
      AND {none_listed}
    RETURNING
        statement_timestamp() AT TIME ZONE 'UTC' AS processed_at,
        -- Here because an unread SELECT in a CTE never runs. `true`: only for this transaction. The
        -- time zone is for a table `sales` with a processed_at of type timestamptz.
        set_config('synchronous_commit', {synchronous_commit}, true), set_config('TimeZone', 'UTC', true),
        set_config('vendas.noted', {noted}::boolean::text, true)
){sections}
SELECT count(*), (SELECT purged_before FROM {schema}.retention), NOT {none_listed} FROM moved
