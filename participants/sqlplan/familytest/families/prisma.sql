-- A Prisma application: text ids, quoted names in camel case, reserved words, implicit many-to-many tables, and keys that act on
-- delete and on update. Prisma makes no indexes for foreign keys; this team has added most.
SET search_path = public;

CREATE TYPE "Role" AS ENUM ('OWNER', 'MEMBER');
CREATE TYPE "OrderState" AS ENUM ('DRAFT', 'PAID');

CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
    migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0);

CREATE TABLE "Organization" (id text PRIMARY KEY, name text NOT NULL, slug text NOT NULL, "createdAt" timestamp(3) NOT NULL DEFAULT '2025-01-01');
CREATE UNIQUE INDEX "Organization_slug_key" ON "Organization" (slug);

CREATE TABLE "User" (id text PRIMARY KEY, email text NOT NULL, "organizationId" text NOT NULL, role "Role" NOT NULL DEFAULT 'MEMBER',
    "managerId" text,
    CONSTRAINT "User_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "Organization" ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "User_managerId_fkey" FOREIGN KEY ("managerId") REFERENCES "User" ON DELETE SET NULL ON UPDATE CASCADE);
CREATE INDEX ON "User" ("organizationId");
CREATE INDEX ON "User" ("managerId");

CREATE TABLE "Profile" (id text PRIMARY KEY, bio text, "userId" text NOT NULL,
    CONSTRAINT "Profile_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE UNIQUE INDEX "Profile_userId_key" ON "Profile" ("userId");

-- NextAuth
CREATE TABLE "Account" (id text PRIMARY KEY, "userId" text NOT NULL, provider text NOT NULL, refresh_token text,
    CONSTRAINT "Account_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE "Session" (id text PRIMARY KEY, "sessionToken" text NOT NULL, "userId" text NOT NULL,
    CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE "VerificationToken" (identifier text NOT NULL, token text NOT NULL, expires timestamp(3) NOT NULL, UNIQUE (identifier, token));

CREATE TABLE "Tag" (id text PRIMARY KEY, "organizationId" text NOT NULL, name text NOT NULL,
    CONSTRAINT "Tag_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "Organization" ON DELETE CASCADE ON UPDATE CASCADE);
CREATE INDEX ON "Tag" ("organizationId");

CREATE TABLE "Post" (id text PRIMARY KEY, "organizationId" text NOT NULL, "authorId" text, title text NOT NULL, published boolean NOT NULL,
    CONSTRAINT "Post_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "Organization" ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ON DELETE SET NULL ON UPDATE CASCADE);
CREATE INDEX ON "Post" ("organizationId");
CREATE INDEX ON "Post" ("authorId");

CREATE TABLE "_PostToTag" ("A" text NOT NULL, "B" text NOT NULL,
    CONSTRAINT "_PostToTag_A_fkey" FOREIGN KEY ("A") REFERENCES "Post" ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "_PostToTag_B_fkey" FOREIGN KEY ("B") REFERENCES "Tag" ON DELETE CASCADE ON UPDATE CASCADE);
CREATE UNIQUE INDEX "_PostToTag_AB_unique" ON "_PostToTag" ("A", "B");
CREATE INDEX "_PostToTag_B_index" ON "_PostToTag" ("B");

CREATE TABLE "group" (id text PRIMARY KEY, "organizationId" text NOT NULL, "order" integer NOT NULL, "select" text,
    CONSTRAINT "group_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "Organization" ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE INDEX ON "group" ("organizationId");
CREATE TABLE "_UserTogroup" ("A" text NOT NULL REFERENCES "User" ON DELETE CASCADE ON UPDATE CASCADE,
    "B" text NOT NULL REFERENCES "group" ON DELETE CASCADE ON UPDATE CASCADE);
CREATE UNIQUE INDEX ON "_UserTogroup" ("A", "B");
CREATE INDEX ON "_UserTogroup" ("B");

CREATE TABLE "Country" (code char(2) PRIMARY KEY, name text NOT NULL);
CREATE TABLE "Customer" (id text PRIMARY KEY, "organizationId" text NOT NULL, "countryCode" char(2),
    CONSTRAINT "Customer_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "Organization" ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "Customer_countryCode_fkey" FOREIGN KEY ("countryCode") REFERENCES "Country" ON DELETE SET NULL ON UPDATE CASCADE);
CREATE INDEX ON "Customer" ("organizationId");
CREATE TABLE "Order" (id text PRIMARY KEY, "customerId" text NOT NULL, state "OrderState" NOT NULL DEFAULT 'DRAFT', "user" text,
    CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer" ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE INDEX ON "Order" ("customerId");

-- Categories of the product (no organization) and of organizations, in one tree.
CREATE TABLE "Category" (id text PRIMARY KEY, "organizationId" text, "parentId" text, name text NOT NULL,
    CONSTRAINT "Category_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "Organization" ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "Category_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "Category" ON DELETE SET NULL ON UPDATE CASCADE);
CREATE INDEX ON "Category" ("organizationId");
CREATE INDEX ON "Category" ("parentId");
CREATE TABLE "Product" (id text PRIMARY KEY, "organizationId" text NOT NULL, "categoryId" text,
    CONSTRAINT "Product_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "Organization" ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "Product_categoryId_fkey" FOREIGN KEY ("categoryId") REFERENCES "Category" ON DELETE SET NULL ON UPDATE CASCADE);
CREATE INDEX ON "Product" ("organizationId");
CREATE INDEX ON "Product" ("categoryId");
CREATE TABLE "OrderLine" ("orderId" text NOT NULL, "lineNo" integer NOT NULL, "productId" text, quantity integer NOT NULL,
    PRIMARY KEY ("orderId", "lineNo"),
    CONSTRAINT "OrderLine_orderId_fkey" FOREIGN KEY ("orderId") REFERENCES "Order" ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "OrderLine_productId_fkey" FOREIGN KEY ("productId") REFERENCES "Product" ON DELETE SET NULL ON UPDATE CASCADE);
CREATE INDEX ON "OrderLine" ("productId");
CREATE TABLE "OrderLineDiscount" (id text PRIMARY KEY, "orderId" text NOT NULL, "lineNo" integer NOT NULL, percent integer NOT NULL,
    CONSTRAINT "OrderLineDiscount_line_fkey" FOREIGN KEY ("orderId", "lineNo") REFERENCES "OrderLine" ON DELETE CASCADE ON UPDATE CASCADE);
CREATE INDEX ON "OrderLineDiscount" ("orderId", "lineNo");

-- Files of a user who has left belong to nobody.
CREATE TABLE "File" (id text PRIMARY KEY, "uploaderId" text, path text NOT NULL,
    CONSTRAINT "File_uploaderId_fkey" FOREIGN KEY ("uploaderId") REFERENCES "User" ON DELETE SET NULL ON UPDATE CASCADE);
CREATE INDEX ON "File" ("uploaderId");

-- One organization transfers to another: the row goes with either.
CREATE TABLE "Transfer" (id text PRIMARY KEY, "fromId" text NOT NULL, "toId" text NOT NULL, cents bigint NOT NULL,
    CONSTRAINT "Transfer_fromId_fkey" FOREIGN KEY ("fromId") REFERENCES "Organization" ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "Transfer_toId_fkey" FOREIGN KEY ("toId") REFERENCES "Organization" ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE INDEX ON "Transfer" ("fromId");
CREATE INDEX ON "Transfer" ("toId");

CREATE TABLE "AuditLog" (id text PRIMARY KEY, "organizationId" text NOT NULL, "actorId" text, action text NOT NULL, meta jsonb);
CREATE INDEX ON "AuditLog" ("organizationId");
