// The meaning of each reason of dead letters and what to do, for shop owners. docs/dead-letters.md,
// "Rejected records", has the details.

/** Reasons with the same explanation. */
const FAMILIES = {
  empty: ["tombstone"],
  schema: ["not_framed", "unknown_schema", "broken_schema"],
  binary: ["not_avro", "not_protobuf"],
  json: ["not_utf8", "byte_order_mark", "not_json", "not_an_object", "too_deep"],
  twice: ["duplicate_field"],
  identity: ["missing_identity", "two_identities"],
  field: ["invalid_order_number", "invalid_order_id", "invalid_items", "invalid_status", "invalid_date", "invalid_number", "invalid_product", "invalid_kept"],
  number: ["out_of_range", "negative_total", "negative_price", "negative_amount", "negative_charge", "quantity_not_positive"],
  price: ["no_items_no_total", "missing_total", "missing_quantity", "partly_priced"],
  sum: ["total_mismatch", "amount_mismatch"],
  currency: ["other_currency"],
  text: ["nul_character", "lone_surrogate"],
  old: ["purged"],
  database: ["rejected_by_database"],
  defect: ["panicked"],
};

/** Families that a setting can correct; the records of the others have to be sent again. */
const REPLAYED = ["empty", "schema", "binary", "json", "twice", "identity", "field", "number", "price", "sum", "database", "defect"];

const ENGLISH = {
  empty: ["Records without content", "Some systems send these to delete a record. If that means a cancelled order, set mapping.tombstones and replay; otherwise discard them."],
  schema: ["Records with an unknown format", "Their schema is missing from the schema registry or cannot be used. Register or correct it, check registry.url and mapping.format, then replay."],
  binary: ["Records in another format than expected", "Their bytes do not match their schema. Correct mapping.schema_file and replay, or correct the system that sends them."],
  json: ["Records that are not orders in JSON", "If they are Avro or Protobuf, set registry.url or mapping.schema_file; for JSON in a string, set mapping.records = \"$~\"; then replay. Otherwise correct the system that sends them, have it send these orders again, and discard these records."],
  twice: ["Orders with a field under two names", "Two fields, such as qty and quantity, have the same meaning, and vendas does not guess which one counts. Choose one in [mapping] of vendas.toml, then replay; if the same name occurs twice, correct the system that sends them."],
  identity: ["Orders without a clear number", "Without one order number or id, orders cannot be told apart. Name the field with mapping.order_number or mapping.order_id; if orders have both, choose one with mapping.identity. Then replay."],
  field: ["Orders with an unreadable field", "The first command below shows which field. Set its place or format in [mapping] of vendas.toml, then replay; or correct the system that sends them."],
  number: ["Orders with an invalid number", "A number is negative, zero, too large or has too many decimals. For returned goods set mapping.returns (unit prices are never negative); for too many decimals, mapping.round; for large order numbers, see docs/dead-letters.md; then replay. Otherwise correct the system that sends them."],
  price: ["Orders without a price or quantity", "Their value is unknown. The fields often have another name: add it to [mapping] of vendas.toml, then replay."],
  sum: ["Orders whose total does not add up", "The stated total or amount differs from the items and charges. Often a charge or discount is not mapped: set mapping.shipping, mapping.tax, mapping.discount or mapping.item_discount, then replay."],
  currency: ["Orders in another currency", "Amounts of several currencies are not added up. Process these orders with a separate configuration (orders.currency)."],
  text: ["Orders with text that cannot be stored", "They contain characters that PostgreSQL rejects. Correct the system that sends them and let it send these orders again."],
  old: ["Orders of days that were purged", "Orders this old have been deleted, and these may have been counted before. Discard them."],
  database: ["Orders that the database rejected", "A constraint or trigger in your database rejects them; the first command below shows the message. Change it, then replay."],
  defect: ["Orders on which vendas failed", "This is a bug in vendas. Please report it, then replay with the corrected version."],
  unknown: ["Rejected records", "The first command below shows what is wrong with each."],
};

const PORTUGUESE = {
  empty: ["Registros sem conteúdo", "Alguns sistemas enviam isso para apagar um registro. Se significa um pedido cancelado, defina mapping.tombstones e reprocesse; senão, descarte."],
  schema: ["Registros de formato desconhecido", "O esquema não está no schema registry ou não pode ser usado. Registre ou corrija o esquema, confira registry.url e mapping.format e reprocesse."],
  binary: ["Registros em outro formato", "Os bytes não seguem o esquema. Corrija mapping.schema_file e reprocesse, ou corrija o sistema que os envia."],
  json: ["Registros que não são pedidos em JSON", "Se forem Avro ou Protobuf, defina registry.url ou mapping.schema_file; para JSON em um texto, mapping.records = \"$~\"; e reprocesse. Senão, corrija o sistema que os envia, envie os pedidos de novo e descarte estes registros."],
  twice: ["Pedidos com um campo sob dois nomes", "Dois campos, como qty e quantity, têm o mesmo significado, e o vendas não adivinha qual vale. Escolha um em [mapping] no vendas.toml e reprocesse; se o mesmo nome ocorre duas vezes, corrija o sistema que os envia."],
  identity: ["Pedidos sem um número claro", "Sem um número ou id, não se distinguem os pedidos. Indique o campo com mapping.order_number ou mapping.order_id; se os pedidos têm os dois, escolha um com mapping.identity. Depois reprocesse."],
  field: ["Pedidos com um campo ilegível", "O primeiro comando abaixo mostra qual campo. Defina o lugar ou o formato dele em [mapping] no vendas.toml e reprocesse, ou corrija o sistema que os envia."],
  number: ["Pedidos com um número inválido", "Um número é negativo, zero, grande demais ou tem casas decimais demais. Para devoluções, defina mapping.returns (preços unitários nunca são negativos); para casas decimais demais, mapping.round; para números de pedido grandes, veja docs/dead-letters.md; e reprocesse. Senão, corrija o sistema que os envia."],
  price: ["Pedidos sem preço ou quantidade", "O valor deles é desconhecido. Muitas vezes o campo tem outro nome: inclua-o em [mapping] no vendas.toml e reprocesse."],
  sum: ["Pedidos cujo total não fecha", "O total ou valor informado difere dos itens e encargos. Muitas vezes falta um encargo ou desconto: defina mapping.shipping, mapping.tax, mapping.discount ou mapping.item_discount e reprocesse."],
  currency: ["Pedidos em outra moeda", "Valores de moedas diferentes não são somados. Processe estes pedidos com uma configuração própria (orders.currency)."],
  text: ["Pedidos com um texto que não pode ser gravado", "Contêm caracteres que o PostgreSQL recusa. Corrija o sistema que os envia e envie os pedidos de novo."],
  old: ["Pedidos de dias já removidos", "Pedidos tão antigos foram apagados, e estes podem já ter sido contados. Descarte-os."],
  database: ["Pedidos recusados pelo banco de dados", "Uma restrição ou um gatilho do seu banco de dados os recusa; o primeiro comando abaixo mostra a mensagem. Altere a restrição ou o gatilho e reprocesse."],
  defect: ["Pedidos em que o vendas falhou", "É um erro do vendas. Por favor, relate-o e reprocesse com a versão corrigida."],
  unknown: ["Registros rejeitados", "O primeiro comando abaixo mostra o que há de errado com cada um."],
};

const ADVICE = { en: ENGLISH, "pt-BR": PORTUGUESE };

/** A title, advice, and whether the advice includes a replay. */
export function advice(reason, language) {
  const known = Object.entries(FAMILIES).find(([, reasons]) => reasons.includes(reason));
  const family = known?.[0] ?? "unknown";
  return [...ADVICE[language][family], REPLAYED.includes(family)];
}
