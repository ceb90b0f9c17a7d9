import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.spark.sql.Row;

/** Writes the rows of one task into PostgreSQL: one connection a task, one UNNEST for 2,000 rows. */
final class Upsert {
    private static final int ROWS = 2000;
    private static final String SALES = "INSERT INTO sales (order_number, total, processed_at)"
            + " SELECT number, total, now() AT TIME ZONE 'UTC'"
            + " FROM UNNEST(?::int[], ?::numeric[]) AS batch (number, total)"
            + " ON CONFLICT (order_number) DO UPDATE"
            + " SET total = excluded.total, processed_at = excluded.processed_at";
    private static final String PRODUCT_TOTALS = "INSERT INTO product_totals (product, quantity, amount)"
            + " SELECT * FROM UNNEST(?::text[], ?::numeric[], ?::numeric[])"
            + " ON CONFLICT (product) DO UPDATE"
            + " SET quantity = excluded.quantity, amount = excluded.amount";

    static void sales(Iterator<Row> rows) throws SQLException {
        if (!rows.hasNext()) return;
        try (Connection connection = connect();
                PreparedStatement statement = connection.prepareStatement(SALES)) {
            while (rows.hasNext()) {
                // An upsert must not contain a row twice; the last one counts.
                Map<Integer, BigDecimal> totals = new LinkedHashMap<>();
                while (rows.hasNext() && totals.size() < ROWS) {
                    Row row = rows.next();
                    // Spark's from_json returns null for invalid orders.
                    if (!row.isNullAt(0) && !row.isNullAt(1)) totals.put(row.getInt(0), row.getDecimal(1));
                }
                statement.setArray(1, connection.createArrayOf("int4", totals.keySet().toArray()));
                statement.setArray(2, connection.createArrayOf("numeric", totals.values().toArray()));
                statement.executeUpdate();
            }
        }
    }

    /** The products of a task are few, and each occurs once. */
    static void productTotals(Iterator<Row> rows) throws SQLException {
        List<String> products = new ArrayList<>();
        List<BigDecimal> quantities = new ArrayList<>();
        List<BigDecimal> amounts = new ArrayList<>();
        while (rows.hasNext()) {
            Row row = rows.next();
            products.add(row.getString(0));
            quantities.add(row.getDecimal(1));
            amounts.add(row.getDecimal(2));
        }
        if (products.isEmpty()) return;
        try (Connection connection = connect();
                PreparedStatement statement = connection.prepareStatement(PRODUCT_TOTALS)) {
            statement.setArray(1, connection.createArrayOf("text", products.toArray()));
            statement.setArray(2, connection.createArrayOf("numeric", quantities.toArray()));
            statement.setArray(3, connection.createArrayOf("numeric", amounts.toArray()));
            statement.executeUpdate();
        }
    }

    private static Connection connect() throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("BENCH_DATABASE_USER"));
        properties.setProperty("password", System.getenv("BENCH_DATABASE_PASSWORD"));
        properties.setProperty("options", "-c synchronous_commit=off");
        return DriverManager.getConnection(
                "jdbc:postgresql://" + System.getenv("BENCH_DATABASE_HOST") + ":"
                        + System.getenv("BENCH_DATABASE_PORT") + "/" + System.getenv("BENCH_DATABASE_NAME"),
                properties);
    }

    private Upsert() {}
}
