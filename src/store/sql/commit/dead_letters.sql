, written_dead_letters AS (
    INSERT INTO {schema}.dead_letters
        (topic, partition, topic_id, record_offset, key, payload, reason, detail,
         record_timestamp, headers, failed_at)
    SELECT {topic}, {partition}, {topic_id}, batch.record_offset, batch.key, batch.payload,
           batch.reason, batch.detail, batch.record_timestamp, batch.headers,
           statement_timestamp() + (batch.position - 1) * INTERVAL '1 microsecond'
    FROM moved,
         UNNEST({offsets}::bigint[], {keys}::bytea[], {payloads}::bytea[], {reasons}::text[],
                {details}::text[], {timestamps}::bigint[], {headers}::bytea[])
             WITH ORDINALITY AS batch
             (record_offset, key, payload, reason, detail, record_timestamp, headers, position)
    -- A record that is processed again and fails again becomes open again: the records processed
    -- again before it may have overwritten the result of its replay. A discarded dead letter stays
    -- discarded if the record and the reason are the same.
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
)
