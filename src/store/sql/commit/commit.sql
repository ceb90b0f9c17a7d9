-- Everything that a commit does, and the partition's next offset with it, by compare-and-set.
--
-- Its sections are the other files of this folder, each where there is something for it to write:
-- triggers are called for nothing too. Writing CTEs that nothing reads run from the last to the first:
-- dead letters, sales, orders. Every statement has its tables in this order and its rows sorted by key,
-- so that two of them cannot deadlock. Replays and commits are kept apart by a table lock (see
-- store/replay.rs). A trigger on `orders` takes cancelled orders out of `sales`.
--
-- The n-th dead letter, and the orders behind it, are a microsecond later than those before them, so
-- that it can be told later which of two versions of an order was the newer. The statement's time and
-- not the transaction's, since there can be several in one.
WITH {listed}moved AS (  -- no row: fenced, and nothing below happens
    UPDATE {schema}.partitions
    SET next_offset = {to}, leader_epoch = {leader_epoch}, moved_by = {instance}, moved_at = now()
    WHERE topic = {topic} AND partition = {partition} AND topic_id = {topic_id}
      AND next_offset = {from}
      -- By which the orders were judged (see store/retention.rs).
      AND (SELECT purged_before FROM {schema}.retention) IS NOT DISTINCT FROM {judged_by}::timestamp
      AND {none_listed}
    RETURNING
        statement_timestamp() AT TIME ZONE 'UTC' AS processed_at,
        -- Here, since a CTE that nothing reads never runs. True: for this transaction only. The time
        -- zone is for a table `sales` whose processed_at has one.
        set_config('synchronous_commit', {synchronous_commit}, true), set_config('TimeZone', 'UTC', true),
        set_config('vendas.noted', {noted}::boolean::text, true)
){sections}
SELECT count(*), (SELECT purged_before FROM {schema}.retention), NOT {none_listed} FROM moved
