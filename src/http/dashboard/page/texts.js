// The texts of the page in its languages.

const ENGLISH = {
  period: "Period",
  today: "Today",
  yesterday: "Yesterday",
  "7d": "7 days",
  "30d": "30 days",
  all: "All",
  sold: "Total sales",
  orders: "Orders",
  average: "Average order",
  versus: (figure) => `vs. ${figure}`,
  nothingBefore: "no orders in the previous period",
  compared: (before) => `compared with ${before}`,
  before: {
    today: (time) => `yesterday until ${time}`,
    yesterday: () => "the day before",
    "7d": (time) => `the 7 days before, until ${time}`,
    "30d": (time) => `the 30 days before, until ${time}`,
  },
  delta: { today: "vs. all of yesterday", yesterday: "vs. day before", "7d": "vs. 7 days before", "30d": "vs. 30 days before" },
  titles: { today: "Today", yesterday: "Yesterday", "7d": "Last 7 days", "30d": "Last 30 days", all: "Since the beginning" },
  salesBy: { hour: "Sales by hour", day: "Sales by day", month: "Sales by month" },
  unit: { hour: "Hour", day: "Day", month: "Month" },
  hourLabel: null,
  legend: { today: "yesterday", yesterday: "the day before", "7d": "7 days before", "30d": "30 days before" },
  orderCount: (count) => (count === "1" ? "1 order" : `${count} orders`),
  asTable: "Show as a table",
  noSales: "No orders in this period yet.",
  noSalesHint: "Choose a longer period to see earlier sales.",
  noOrders: "No orders yet.",
  noOrdersHint: (topics) => `vendas waits for orders in ${topics}. To try it with simulated ones:`,
  products: "Sales by product",
  product: "Product",
  quantity: "Quantity",
  amount: "Amount",
  share: "Share",
  noProducts: "No products sold in this period.",
  unnamed: "(no name)",
  running: "Processing",
  lag: "Consumer lag",
  lagUnit: "offsets, this instance",
  lagUnknown: "unknown at the moment",
  rate: "Orders per second",
  lately: "this instance, last 5 minutes",
  letters: "Dead letters",
  lettersUnit: "rejected records, see below",
  noLetters: "no rejected records",
  lettersTitle: "Dead letters and what to do",
  moreLetters: (count) => `and ${count} for other reasons: vendas dead-letters list --counts`,
  instance: "This instance",
  passed: (cancelled, ignored) => `Since it started: orders cancelled ${cancelled}, records ignored ${ignored}`,
  unknownTime: (count) => `${count} not included, as the time of the sale is unknown`,
  waiting: "Connecting",
  working: "Running",
  paused: "Paused",
  gone: "Reconnecting",
  asOf: (time) => `as of ${time}`,
  peak: (rate) => `peak ${rate}`,
  others: (count) => (count === "1" ? "1 other" : `${count} others`),
  total: (count) => (count === "1" ? "The only product" : `All ${count} products`),
  old: (time) => `The sales and dead letters shown are those of ${time}: newer ones cannot be read at the moment.`,
  unread: "The sales of this period cannot be read at the moment.",
  lost: (time) => `vendas has not answered since ${time}. The page reconnects by itself; check that vendas is running.`,
  lastFigures: (time) => `The figures shown are those of ${time}.`,
  because: {
    kafka: (time) => `Kafka has been unavailable since ${time}. Orders sent since then are not included; they are processed when the problem is resolved.`,
    postgresql: (time) => `PostgreSQL has been unavailable since ${time}. Processing continues when the problem is resolved; no order is lost.`,
    registry: (time) => `The schema registry has been unavailable since ${time}. Partitions with a record whose schema is not cached wait until the problem is resolved.`,
    topic: (time) => `A topic has been missing since ${time}. Processing starts when it is created.`,
    run: () => "vendas is starting or stopping.",
  },
  partition: (name, time) => `${name} has not been processed since ${time}.`,
};

const PORTUGUESE = {
  period: "Período",
  today: "Hoje",
  yesterday: "Ontem",
  "7d": "7 dias",
  "30d": "30 dias",
  all: "Tudo",
  sold: "Total de vendas",
  orders: "Pedidos",
  average: "Ticket médio",
  versus: (figure) => `antes ${figure}`,
  nothingBefore: "nenhum pedido no período anterior",
  compared: (before) => `em comparação com ${before}`,
  before: {
    today: (time) => `ontem até as ${time}`,
    yesterday: () => "o dia anterior",
    "7d": (time) => `os 7 dias anteriores, até as ${time}`,
    "30d": (time) => `os 30 dias anteriores, até as ${time}`,
  },
  delta: { today: "vs. ontem inteiro", yesterday: "vs. dia anterior", "7d": "vs. 7 dias antes", "30d": "vs. 30 dias antes" },
  titles: { today: "Hoje", yesterday: "Ontem", "7d": "Últimos 7 dias", "30d": "Últimos 30 dias", all: "Desde o início" },
  salesBy: { hour: "Vendas por hora", day: "Vendas por dia", month: "Vendas por mês" },
  unit: { hour: "Hora", day: "Dia", month: "Mês" },
  hourLabel: (hour) => `${hour}h`,
  legend: { today: "ontem", yesterday: "dia anterior", "7d": "7 dias antes", "30d": "30 dias antes" },
  orderCount: (count) => (count === "1" ? "1 pedido" : `${count} pedidos`),
  asTable: "Mostrar como tabela",
  noSales: "Nenhum pedido neste período ainda.",
  noSalesHint: "Escolha um período maior para ver vendas anteriores.",
  noOrders: "Nenhum pedido ainda.",
  noOrdersHint: (topics) => `O vendas espera pedidos em ${topics}. Para experimentar com pedidos simulados:`,
  products: "Vendas por produto",
  product: "Produto",
  quantity: "Quantidade",
  amount: "Valor",
  share: "Participação",
  noProducts: "Nenhum produto vendido neste período.",
  unnamed: "(sem nome)",
  running: "Processamento",
  lag: "Lag do Kafka",
  lagUnit: "offsets, esta instância",
  lagUnknown: "desconhecido no momento",
  rate: "Pedidos por segundo",
  lately: "esta instância, últimos 5 minutos",
  letters: "Registros rejeitados",
  lettersUnit: "veja abaixo o que fazer",
  noLetters: "nenhum",
  lettersTitle: "Registros rejeitados e o que fazer",
  moreLetters: (count) => `e ${count} por outros motivos: vendas dead-letters list --counts`,
  instance: "Esta instância",
  passed: (cancelled, ignored) => `Desde que ela iniciou: pedidos cancelados ${cancelled}, registros ignorados ${ignored}`,
  unknownTime: (count) => `${count} fora da conta: a hora da venda é desconhecida`,
  waiting: "Conectando",
  working: "Funcionando",
  paused: "Em pausa",
  gone: "Reconectando",
  asOf: (time) => `dados de ${time}`,
  peak: (rate) => `pico ${rate}`,
  others: (count) => (count === "1" ? "1 outro" : `${count} outros`),
  total: (count) => (count === "1" ? "O único produto" : `Todos os ${count} produtos`),
  old: (time) => `As vendas e os registros rejeitados mostrados são de ${time}: no momento, não é possível ler os mais novos.`,
  unread: "No momento, não é possível ler as vendas deste período.",
  lost: (time) => `O vendas não responde desde ${time}. A página se reconecta sozinha; verifique se o vendas está em execução.`,
  lastFigures: (time) => `Os números mostrados são de ${time}.`,
  because: {
    kafka: (time) => `Problema com o Kafka desde ${time}. Os pedidos enviados depois não estão incluídos; serão processados quando ele for resolvido.`,
    postgresql: (time) => `Problema com o PostgreSQL desde ${time}. O processamento continua quando ele for resolvido; nenhum pedido se perde.`,
    registry: (time) => `Problema com o schema registry desde ${time}. Partições com um registro cujo esquema ainda não foi carregado esperam até ele ser resolvido.`,
    topic: (time) => `Falta um tópico desde ${time}. O processamento começa quando ele for criado.`,
    run: () => "O vendas está iniciando ou parando.",
  },
  partition: (name, time) => `${name} não é processada desde ${time}.`,
};

const TEXTS = { en: ENGLISH, "pt-BR": PORTUGUESE };
const KEY = "language";

/** The texts in `language`. */
export function texts(language) {
  return TEXTS[language];
}

/** The language that was selected before, else the first of the browser's languages that the page has. */
export function preferredLanguage() {
  const kept = keptLanguage();
  if (kept !== null) return kept;
  for (const wanted of navigator.languages) {
    if (/^pt\b/i.test(wanted)) return "pt-BR";
    if (/^en\b/i.test(wanted)) return "en";
  }
  return "en";
}

/** Remembers the selection, if the browser allows it. */
export function keepLanguage(language) {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // The selection lasts while the page is open.
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
