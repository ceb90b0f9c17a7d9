import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.Map;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.storage.Converter;

/**
 * Converts the JSON of a numbered order into a row of the table `sales`.
 *
 * <p>Connect cannot compute a total, and the JDBC sink accepts only records with a schema. This
 * converter does both, in one pass over the JSON.
 */
public final class OrderConverter implements Converter {
    private static final Schema SALE = SchemaBuilder.struct()
            .field("order_number", Schema.INT32_SCHEMA)
            // The scale matters only when decimals are written as bytes; each value has its own.
            .field("total", Decimal.schema(8))
            .build();

    private final JsonFactory json = new JsonFactory();

    @Override
    public void configure(Map<String, ?> settings, boolean isKey) {}

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        try (JsonParser parser = json.createParser(value)) {
            return new SchemaAndValue(SALE, sale(parser));
        } catch (IOException error) {
            throw new DataException("no order", error);
        }
    }

    private static Struct sale(JsonParser parser) throws IOException {
        Struct sale = new Struct(SALE);
        expect(parser.nextToken(), JsonToken.START_OBJECT);
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            switch (name) {
                case "order_number" -> sale.put("order_number", parser.getIntValue());
                case "order_items" -> sale.put("total", total(parser));
                default -> parser.skipChildren();
            }
        }
        sale.validate();
        return sale;
    }

    private static BigDecimal total(JsonParser parser) throws IOException {
        BigDecimal total = BigDecimal.ZERO;
        expect(parser.currentToken(), JsonToken.START_ARRAY);
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            BigDecimal quantity = null;
            BigDecimal price = null;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "qty" -> quantity = parser.getDecimalValue();
                    case "value_unit" -> price = parser.getDecimalValue();
                    default -> parser.skipChildren();
                }
            }
            if (quantity == null || price == null) throw new DataException("an item without quantity or price");
            total = total.add(quantity.multiply(price));
        }
        return total;
    }

    private static void expect(JsonToken token, JsonToken expected) {
        if (token != expected) throw new DataException(token + " where " + expected + " belongs");
    }

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        throw new UnsupportedOperationException("orders are only read");
    }
}
