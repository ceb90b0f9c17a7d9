// Everything that the page says, in the languages in which it says it.

const ENGLISH = {
  figures: "Figures",
  sold: "Sold in all",
  rate: "Orders per second",
  lag: "Records waiting",
  letters: "Dead letters",
  products: "What products have sold",
  product: "Product",
  quantity: "Quantity",
  amount: "Amount",
  share: "Share",
  unnamed: "(no name)",
  lately: "Orders per second, the last five minutes",
  reasons: "Open dead letters by reason",
  reason: "Reason",
  count: "Letters",
  none: "None.",
  instance: "This instance",
  passed: (cancelled, ignored) => `Since it started: orders cancelled ${cancelled}, records ignored ${ignored}`,
  waiting: "Connecting",
  working: "Working",
  paused: "Paused",
  gone: "Reconnecting",
  asOf: (time) => `as of ${time}`,
  peak: (rate) => `at most ${rate}`,
  others: (count) => (count === "1" ? "1 other" : `${count} others`),
  total: (count) => (count === "1" ? "The only product" : `All ${count} products`),
  old: (time) => `Totals and dead letters cannot be read: these are those of ${time}.`,
  unread: "Totals and dead letters cannot be read yet.",
  lost: "vendas does not answer: these are the last figures that came.",
  because: {
    kafka: (time) => `Kafka is out of reach since ${time}.`,
    postgresql: (time) => `PostgreSQL is out of reach since ${time}.`,
    registry: (time) => `The schema registry is out of reach since ${time}.`,
    topic: (time) => `A topic is missing since ${time}.`,
    run: () => "No partition is worked yet.",
  },
  partition: (name, time) => `${name} is not worked since ${time}.`,
};

const PORTUGUESE = {
  figures: "Números",
  sold: "Total vendido",
  rate: "Pedidos por segundo",
  lag: "Registros na fila",
  letters: "Rejeitados",
  products: "Quanto cada produto vendeu",
  product: "Produto",
  quantity: "Quantidade",
  amount: "Valor",
  share: "Parte",
  unnamed: "(sem nome)",
  lately: "Pedidos por segundo, últimos cinco minutos",
  reasons: "Registros rejeitados em aberto, por motivo",
  reason: "Motivo",
  count: "Registros",
  none: "Nenhum.",
  instance: "Esta instância",
  passed: (cancelled, ignored) => `Desde o início: pedidos cancelados ${cancelled}, registros ignorados ${ignored}`,
  waiting: "Conectando",
  working: "Funcionando",
  paused: "Em pausa",
  gone: "Reconectando",
  asOf: (time) => `às ${time}`,
  peak: (rate) => `no máximo ${rate}`,
  others: (count) => (count === "1" ? "1 outro" : `${count} outros`),
  total: (count) => (count === "1" ? "O único produto" : `Todos os ${count} produtos`),
  old: (time) => `Totais e rejeitados não puderam ser lidos: estes são os das ${time}.`,
  unread: "Totais e rejeitados ainda não puderam ser lidos.",
  lost: "O vendas não responde: estes são os últimos números que chegaram.",
  because: {
    kafka: (time) => `O Kafka está fora de alcance desde as ${time}.`,
    postgresql: (time) => `O PostgreSQL está fora de alcance desde as ${time}.`,
    registry: (time) => `O schema registry está fora de alcance desde as ${time}.`,
    topic: (time) => `Falta um tópico desde as ${time}.`,
    run: () => "Nenhuma partição está em trabalho ainda.",
  },
  partition: (name, time) => `${name} está sem trabalho desde as ${time}.`,
};

const TEXTS = { en: ENGLISH, "pt-BR": PORTUGUESE };
const KEY = "language";

/** What the page says in `language`. */
export function texts(language) {
  return TEXTS[language];
}

/** The language that was chosen here before, else the first that both the reader and the page know. */
export function preferredLanguage() {
  const kept = keptLanguage();
  if (kept !== null) return kept;
  for (const wanted of navigator.languages) {
    if (/^pt\b/i.test(wanted)) return "pt-BR";
    if (/^en\b/i.test(wanted)) return "en";
  }
  return "en";
}

/** Remembers a choice, where the browser lets pages remember anything. */
export function keepLanguage(language) {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // It is chosen for as long as the page is open.
  }
}

function keptLanguage() {
  try {
    const kept = localStorage.getItem(KEY);
    return Object.hasOwn(TEXTS, kept) ? kept : null;
  } catch {
    return null;
  }
}
