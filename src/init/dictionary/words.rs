//! The words of names, by meaning.

/// A meaning of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// An order, a sale.
    Order,
    /// An identifier.
    Id,
    /// A number used as an identifier.
    Number,
    /// A sold item, or the list of items.
    Item,
    /// A line of an order, or its position.
    Line,
    /// A product.
    Product,
    /// A name or description.
    Title,
    /// A quantity.
    Quantity,
    /// A single unit.
    Unit,
    /// A price.
    Price,
    /// Money, either a price or a sum.
    Money,
    /// Money, usually a sum.
    Sum,
    /// A total.
    Total,
    /// A sum before charges.
    Sub,
    /// A date or time.
    Time,
    /// The creation of something.
    Created,
    /// A sale or payment.
    Sold,
    /// A change.
    Updated,
    /// A time of something other than the sale.
    Later,
    /// The state of the order.
    Status,
    /// The money's currency.
    Currency,
    /// Shipping costs.
    Shipping,
    /// Taxes.
    Tax,
    /// Discounts.
    Discount,
    /// Other charges.
    Fee,
    /// The minor unit of a currency.
    Cents,
    /// An event.
    Event,
    /// A type or kind.
    Kind,
    /// A wrapper around the order.
    Wrapper,
    /// Persons and their data.
    Person,
    /// Addresses and locations.
    Address,
    /// Shops, stores, branches, tables, devices.
    Shop,
    /// Payment.
    Payment,
    /// Categories and other properties of products.
    Property,
    /// Stock and returned goods.
    Stock,
    /// List, former and reference prices.
    Former,
    /// A cancellation, return, refund or deletion.
    Reversal,
    /// A test order.
    Test,
    /// Technical data: traces, versions, hashes.
    Technical,
    /// A ratio, not a sum.
    Ratio,
}

impl Word {
    /// Meanings of names that never contain an order's own fields.
    pub(crate) const OTHERS: [Self; 6] =
        [Self::Person, Self::Address, Self::Shop, Self::Property, Self::Stock, Self::Technical];

    pub(super) const fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

/// The words of each meaning, separated by spaces.
pub(super) const WORDS: &[(Word, &str)] = &[
    (
        Word::Order,
        "order sale sell transaction trx txn purchase checkout invoice receipt ticket booking \
         deal reservation pedido ordem venda transacao compra encomenda fatura cupom comanda \
         orcamento orden venta transaccion factura boleta comprobante remito vbeln ord \
         increment",
    ),
    (
        Word::Id,
        "id uid oid uuid guid key code codigo cod identifier identificador ref reference referencia \
         chave clave pk ids token sku ean gtin upc isbn asin stockcode matnr",
    ),
    (Word::Number, "number numero num nro nr no folio sequence serial"),
    (
        Word::Item,
        "item items itens lineitem cart basket bag carrinho cesta carrito content contents \
         entries details detalle detalhe detalhes detalles comprados articulos artigos",
    ),
    (
        Word::Line,
        "line linha linea renglon position posicao posicion seq sequence row posnr sequencia \
         secuencia index indice entry",
    ),
    (
        Word::Product,
        "product produto producto prod article artigo articulo sku merchandise mercadoria \
         mercancia good goods material matnr book livro libro dish prato plato variant ean gtin \
         upc isbn asin merch commodity stockcode",
    ),
    (
        Word::Title,
        "name title nome titulo nombre description descricao descripcion label desc arktx",
    ),
    (
        Word::Quantity,
        "quantity qty quantidade qtd qtde qtdade quant cantidad cant count units unidades \
         pieces pecas piezas volume kwmeng menge ordered quantities copies",
    ),
    (Word::Unit, "unit unitario unitaria unity unidade unidad each per single un"),
    (Word::Price, "price preco precio prices precos precios netpr tarifa pvp"),
    (
        Word::Money,
        "amount value valor vlr vl cost custo costo importe monto montante money payment \
         revenue receita sum pricing netwr charge paid pago spent billing amounts receivable \
         faturado amt",
    ),
    (Word::Sum, "amount importe monto montante revenue receita faturado charge sum"),
    (
        Word::Total,
        "total totals grand gross bruto final overall sum soma suma extended totais geral \
         general row",
    ),
    (Word::Sub, "subtotal sub net neto liquido parcial base before"),
    (
        Word::Time,
        "time date at timestamp ts datetime dttm dt data hora fecha dia day when moment momento \
         epoch horario tstamp dthr datahora ms millis quando cuando on erdat",
    ),
    (
        Word::Created,
        "created create creation criacao criado criada creacion creado emission emissao emision \
         placed registered registro issued added inserted cadastro generated submitted started \
         confirmed occurred ocorrido",
    ),
    (Word::Sold, "sold bought purchased vendido vendida comprado vendidos"),
    (
        Word::Updated,
        "updated update modified changed alterado atualizado atualizacao modificado actualizado \
         last ultima ultimo",
    ),
    (
        Word::Later,
        "sent delivery delivered shipped due birth expires expiry expiration estimated approved \
         processed closed entrega entregue envio enviado vencimento vencimiento validade \
         nascimento nacimiento previsao published received ingested ingestion limit return \
         scheduled fulfilled deadline valid eta kafka ended finished completed carrier \
         processing deleted cancelled canceled shipping ship refunded returned",
    ),
    (Word::Status, "status state situacao estado situacion stage etapa fase phase op statuses"),
    (Word::Currency, "currency moeda moneda ccy divisa curr waerk"),
    (
        Word::Shipping,
        "shipping freight frete envio delivery entrega shipment postage porte portes flete \
         handling courier despacho",
    ),
    (
        Word::Tax,
        "tax taxes imposto impuesto vat iva gst icms iss ipi pis cofins duty duties tributo hst",
    ),
    (
        Word::Discount,
        "discount desconto descuento rebate coupon voucher abatimento promo promotion rabatt \
         promocao promocion markdown cupom discounts cashback savings bonificacao",
    ),
    (
        Word::Fee,
        "fee surcharge bonus tip gorjeta propina taxa tasa adjustment ajuste interest juros \
         wrap insurance seguro packaging embalagem service acrescimo recargo gratuity \
         commission comissao donation charge points pontos deposit rounding arredondamento \
         loyalty gift",
    ),
    (Word::Ratio, "percent percentage pct perc rate aliquota percentual porcentaje ratio factor"),
    (Word::Cents, "cents cent centavos centavo minor centimos pence pennies ct"),
    (
        Word::Event,
        "event evento message mensagem mensaje evt correlation request trace span tracking \
         session sessao notification topic batch lote saga causation schema tenant device \
         offset partition",
    ),
    (
        Word::Kind,
        "type tipo kind action acao accion operation operacao event evento name eventtype",
    ),
    (
        Word::Wrapper,
        "payload data body event evento message mensagem detail content value after before \
         record records object result results attributes resource entity document doc order \
         pedido venda sale orders pedidos vendas envelope root d source item dados datos \
         contents new current snapshot aggregate node response list properties fields info \
         summary header cabecalho cabecera details json full",
    ),
    (
        Word::Person,
        "customer client cliente user usuario buyer comprador person pessoa persona account \
         conta cuenta contact contato contacto seller vendedor merchant employee funcionario \
         empleado cashier email phone telefone telefono cpf cnpj rg dni rfc cuit documento \
         consumer member first last surname sobrenome apellido recipient owner driver rider \
         courier waiter garcom staff agent birth gender age titular holder celular cust usr ip \
         purchaser payer supplier fornecedor proveedor login nickname",
    ),
    (
        Word::Address,
        "address endereco direccion city cidade ciudad country pais zip zipcode postal cep \
         street rua calle region regiao district bairro barrio lat lon lng latitude longitude \
         geo location localizacao county uf province provincia destination destino",
    ),
    (
        Word::Shop,
        "store shop loja tienda branch sucursal filial warehouse armazem channel canal \
         restaurant restaurante table mesa terminal pos site company empresa marketplace \
         website outlet vendor register caixa caja kiosk",
    ),
    (
        Word::Payment,
        "payment payments pagamento pagamentos pago pagos card cartao tarjeta gateway \
         installment installments parcela parcelas cuotas boleto pix charge method metodo \
         paypal stripe wallet bank banco psp auth authorization troco change tender",
    ),
    (
        Word::Property,
        "category categoria brand marca color cor size tamanho talla weight peso image url link \
         tag tags note notes observacao comment options option attribute attributes department \
         departamento rating review locale language width height length grams dimension vendor \
         manufacturer collection package model modelo family familia group grupo metadata",
    ),
    (
        Word::Stock,
        "stock estoque inventory inventario available fulfillable fulfilled returned refunded \
         backordered reserved remaining outstanding invoiced canceled cancelled shipped max min \
         limit installments",
    ),
    (
        Word::Former,
        "list original compare old regular full suggested tabela lista antigo previous msrp \
         base anterior wholesale before reference",
    ),
    (
        Word::Reversal,
        "cancel cancelled canceled cancelado cancelada cancelamento cancelation cancellation \
         refund refunded refunds reembolso reembolsado estorno estornado return returned \
         devolucao devolucion devolvido deleted deletado excluido void voided anulado anulada \
         chargeback reversal reversed  rejected removed",
    ),
    (Word::Test, "test teste prueba sandbox demo fake livemode simulated"),
    (
        Word::Technical,
        "hash checksum version versao trace span signature lsn schema connector snapshot txid \
         uri agent browser source producer partition offset headers context metadata meta gid",
    ),
];
