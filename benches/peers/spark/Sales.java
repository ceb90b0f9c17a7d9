import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.sum;

import java.nio.file.Path;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.types.StructType;

/**
 * Spark Structured Streaming from Kafka into PostgreSQL.
 *
 * <p>Numbered orders: their totals, upserted into `sales` by the tasks that computed it, without
 * a shuffle. E-commerce orders: the quantity and the amount of each product so far, upserted into
 * `product_totals`; the orders themselves are not stored.
 */
public final class Sales {
    private static final StructType NUMBERED = StructType.fromDDL(
            "order_number INT, order_items ARRAY<STRUCT<qty: DECIMAL(10,4), value_unit: DECIMAL(14,4)>>");
    private static final StructType ECOMMERCE = StructType.fromDDL(
            "produtos_comprados ARRAY<STRUCT<nome_produto: STRING, quantidade: DECIMAL(10,4), "
                    + "preco_unitario: DECIMAL(14,4)>>");

    public static void main(String[] arguments) throws Exception {
        SparkSession spark = SparkSession.builder()
                .master("local[2]")
                .config("spark.log.level", "WARN")
                .config("spark.ui.enabled", "false")
                .config("spark.sql.shuffle.partitions", "2")
                // A sum that overflows is an error instead of null.
                .config("spark.sql.ansi.enabled", "true")
                .getOrCreate();
        Dataset<Row> values = spark.readStream()
                .format("kafka")
                .option("kafka.bootstrap.servers", System.getenv("BENCH_BROKERS"))
                .option("subscribe", System.getenv("BENCH_TOPIC"))
                .option("startingOffsets", "earliest")
                .option("maxOffsetsPerTrigger", 200_000)
                .load()
                .select(col("value").cast("string").as("value"));
        DataStreamWriter<Row> writer = System.getenv("BENCH_SHAPE").equals("ecommerce")
                ? productTotals(values)
                : sales(values);
        writer.option("checkpointLocation", Path.of(System.getenv("BENCH_SCRATCH"), "checkpoint").toString())
                .start()
                .awaitTermination();
    }

    private static DataStreamWriter<Row> sales(Dataset<Row> values) {
        Dataset<Row> totals = values.select(from_json(col("value"), NUMBERED).as("sale"))
                .select(
                        col("sale.order_number"),
                        expr("aggregate(sale.order_items, CAST(0 AS DECIMAL(28,8)), (total, item) -> "
                                        + "CAST(total + item.qty * item.value_unit AS DECIMAL(28,8)))")
                                .as("total"));
        ForeachPartitionFunction<Row> upsert = Upsert::sales;
        VoidFunction2<Dataset<Row>, Long> write = (batch, id) -> batch.foreachPartition(upsert);
        return totals.writeStream().foreachBatch(write);
    }

    private static DataStreamWriter<Row> productTotals(Dataset<Row> values) {
        Dataset<Row> totals = values.select(
                        explode(from_json(col("value"), ECOMMERCE).getField("produtos_comprados")).as("item"))
                .groupBy(col("item.nome_produto").as("product"))
                .agg(
                        sum("item.quantidade").as("quantity"),
                        sum(expr("item.quantidade * item.preco_unitario")).as("amount"));
        ForeachPartitionFunction<Row> upsert = Upsert::productTotals;
        VoidFunction2<Dataset<Row>, Long> write = (batch, id) -> batch.foreachPartition(upsert);
        return totals.writeStream().outputMode("update").foreachBatch(write);
    }
}
