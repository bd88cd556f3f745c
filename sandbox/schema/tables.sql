CREATE SCHEMA sandbox;
CREATE TABLE sandbox.story (seed bigint NOT NULL, scale text NOT NULL, until date NOT NULL, ticks int NOT NULL);
CREATE FUNCTION sandbox.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN NEW.updated_at := clock_timestamp(); END IF; RETURN NEW; END $$;

CREATE SCHEMA order_service;
CREATE TABLE order_service.orders (
    order_id text NOT NULL,
    user_id bigint NOT NULL,
    microzone_id int NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    total numeric(12,2) NOT NULL,
    voucher_code text,
    recipient_phone text,
    delivery_address text NOT NULL,
    ordered_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE order_service.order_items (
    order_id text NOT NULL,
    line_no int NOT NULL,
    product_id bigint NOT NULL,
    quantity int NOT NULL,
    unit_price numeric(12,2) NOT NULL,
    discount numeric(12,2) NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE order_service.returns (
    return_id bigint NOT NULL,
    order_id text NOT NULL,
    line_no int NOT NULL,
    reason text NOT NULL,
    refund_amount numeric(12,2) NOT NULL,
    returned_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE SCHEMA product_service;
CREATE TABLE product_service.products (
    product_id bigint NOT NULL,
    vendor_id int NOT NULL,
    name text NOT NULL,
    category text NOT NULL,
    list_price numeric(12,2) NOT NULL,
    is_active bool NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE product_service.vendors (
    vendor_id int NOT NULL,
    name text NOT NULL,
    country text NOT NULL,
    contact_email text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE product_service.prices (
    price_id bigint NOT NULL,
    product_id bigint NOT NULL,
    price numeric(12,2) NOT NULL,
    valid_from timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE product_service.inventory (
    product_id bigint NOT NULL,
    warehouse text NOT NULL,
    quantity int NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE SCHEMA user_service;
CREATE TABLE user_service.users (
    user_id bigint NOT NULL,
    email text NOT NULL,
    phone text,
    full_name text NOT NULL,
    national_id text NOT NULL,
    birth_date date NOT NULL,
    segment text NOT NULL,
    is_test bool NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE user_service.addresses (
    address_id bigint NOT NULL,
    user_id bigint NOT NULL,
    address_line text NOT NULL,
    city text NOT NULL,
    postcode text NOT NULL,
    country text NOT NULL,
    microzone_id int NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE user_service.consents (
    consent_id bigint NOT NULL,
    user_id bigint NOT NULL,
    purpose text NOT NULL,
    granted bool NOT NULL,
    recorded_at timestamptz NOT NULL
);

CREATE SCHEMA logistics_service;
CREATE TABLE logistics_service.shipments (
    shipment_id bigint NOT NULL,
    order_id text NOT NULL,
    courier_id int NOT NULL,
    microzone_id int NOT NULL,
    status text NOT NULL,
    shipped_at timestamptz NOT NULL,
    promised_at timestamp NOT NULL,
    delivered_at timestamptz,
    updated_at timestamptz NOT NULL
);
CREATE TABLE logistics_service.couriers (
    courier_id int NOT NULL,
    name text NOT NULL,
    phone text NOT NULL,
    vehicle text NOT NULL,
    is_active bool NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE logistics_service.microzones (
    microzone_id int NOT NULL,
    name text NOT NULL,
    city text NOT NULL,
    area_km2 numeric(8,2) NOT NULL,
    updated_at timestamptz NOT NULL
);

GRANT USAGE ON SCHEMA order_service, product_service, user_service, logistics_service TO opetence_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA order_service, product_service, user_service, logistics_service TO opetence_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA order_service, product_service, user_service, logistics_service GRANT SELECT ON TABLES TO opetence_reader;
