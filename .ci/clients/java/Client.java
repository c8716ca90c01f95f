import com.google.gson.*;
import java.io.*;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.*;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;

/**
 * Runs one job of .ci/clients with MySQL Connector/J: reads the job's JSON from the file named by its argument and
 * prints what the server answered, every value as text.
 *
 * <p>Beside statements, a job may ask for {"metadata": "tables", "args": [...]}: a method of DatabaseMetaData, whose
 * result set is given like any other.
 */
public class Client {
  public static void main(String[] argv) throws Exception {
    JsonObject job = JsonParser.parseString(Files.readString(Path.of(argv[0]))).getAsJsonObject();
    JsonObject out = new JsonObject();
    out.add("error", JsonNull.INSTANCE);
    JsonArray results = new JsonArray();
    out.add("results", results);
    try (Connection conn = connect(job)) {
      for (JsonElement s : job.getAsJsonArray("statements")) {
        results.add(one(conn, s.getAsJsonObject()));
      }
    } catch (SQLException e) {
      out.add("error", failure(e));
    }
    System.out.println(new GsonBuilder().serializeNulls().create().toJson(out));
    System.exit(0); // a timer thread of the driver must not keep the program alive
  }

  static String text(JsonObject o, String key) {
    return o.has(key) && !o.get(key).isJsonNull() ? o.get(key).getAsString() : "";
  }

  static Connection connect(JsonObject job) throws Exception {
    if (job.has("url")) return DriverManager.getConnection(text(job, "url"));
    Properties p = new Properties();
    p.setProperty("user", text(job, "user"));
    p.setProperty("password", text(job, "password"));
    p.setProperty("useServerPrepStmts", "true"); // parameters travel in COM_STMT_EXECUTE
    p.setProperty("connectTimeout", "10000");
    switch (text(job, "tls")) {
      case "on":
        p.setProperty("sslMode", "REQUIRED");
        break;
      case "verify":
        p.setProperty("sslMode", "VERIFY_IDENTITY");
        p.setProperty("trustCertificateKeyStoreUrl", store(text(job, "ca")).toUri().toString());
        p.setProperty("trustCertificateKeyStoreType", "PKCS12");
        p.setProperty("trustCertificateKeyStorePassword", "changeit");
        p.setProperty("fallbackToSystemTrustStore", "false");
        break;
      default:
        p.setProperty("sslMode", "DISABLED");
        p.setProperty("allowPublicKeyRetrieval", "true"); // caching_sha2_password over plain text asks for the RSA key
    }
    if (job.has("properties")) {
      for (Map.Entry<String, JsonElement> e : job.getAsJsonObject("properties").entrySet()) {
        p.setProperty(e.getKey(), e.getValue().getAsString());
      }
    }
    return DriverManager.getConnection(
        "jdbc:mysql://" + text(job, "host") + ":" + text(job, "port") + "/" + text(job, "database"), p);
  }

  /** A trust store that holds the certificates of a PEM file and nothing else. */
  static Path store(String pem) throws Exception {
    KeyStore ks = KeyStore.getInstance("PKCS12");
    ks.load(null, null);
    int n = 0;
    try (InputStream in = Files.newInputStream(Path.of(pem))) {
      for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        ks.setCertificateEntry("ca" + n++, c);
      }
    }
    Path file = Files.createTempFile("argo-ca", ".p12");
    file.toFile().deleteOnExit();
    try (OutputStream o = Files.newOutputStream(file)) {
      ks.store(o, "changeit".toCharArray());
    }
    return file;
  }

  static JsonObject one(Connection conn, JsonObject s) {
    JsonObject r = new JsonObject();
    JsonArray sets = new JsonArray();
    r.add("sets", sets);
    r.add("error", JsonNull.INSTANCE);
    long start = System.nanoTime();
    try {
      if (s.has("metadata")) {
        sets.add(rows(metadata(conn.getMetaData(), text(s, "metadata"), s.getAsJsonArray("args"))));
      } else {
        run(conn, s, sets);
      }
    } catch (SQLException e) {
      r.add("error", failure(e));
    }
    r.addProperty("seconds", (System.nanoTime() - start) / 1e9);
    return r;
  }

  static void run(Connection conn, JsonObject s, JsonArray sets) throws SQLException {
    String sql = text(s, "sql");
    JsonArray params = s.has("params") ? s.getAsJsonArray("params") : new JsonArray();
    boolean callable = s.has("callable") && s.get("callable").getAsBoolean();
    boolean prepare = s.has("prepare") && s.get("prepare").getAsBoolean() || params.size() > 0;
    try (Statement st = callable ? conn.prepareCall(sql) : prepare ? conn.prepareStatement(sql) : conn.createStatement()) {
      if (s.has("timeout")) st.setQueryTimeout(s.get("timeout").getAsInt());
      if (s.has("max_rows")) st.setMaxRows(s.get("max_rows").getAsInt());
      if (s.has("fetch_size")) st.setFetchSize(s.get("fetch_size").getAsInt());
      ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
      try {
        if (s.has("cancel_ms")) {
          timer.schedule(
              () -> {
                st.cancel();
                return null;
              },
              s.get("cancel_ms").getAsLong(),
              TimeUnit.MILLISECONDS);
        }
        boolean more;
        if (st instanceof PreparedStatement) {
          PreparedStatement ps = (PreparedStatement) st;
          for (int i = 0; i < params.size(); i++) bind(ps, i + 1, params.get(i));
          more = ps.execute();
        } else {
          more = st.execute(sql);
        }
        while (true) {
          if (more) {
            try (ResultSet rs = st.getResultSet()) {
              sets.add(rows(rs));
            }
          } else if (st.getUpdateCount() == -1) {
            break;
          }
          more = st.getMoreResults();
        }
      } finally {
        timer.shutdownNow();
      }
    }
  }

  static void bind(PreparedStatement ps, int i, JsonElement v) throws SQLException {
    if (v.isJsonNull()) {
      ps.setNull(i, Types.VARCHAR);
    } else if (v.isJsonObject() && v.getAsJsonObject().has("decimal")) {
      ps.setBigDecimal(i, v.getAsJsonObject().get("decimal").getAsBigDecimal());
    } else if (v.isJsonObject()) {
      ps.setDate(i, java.sql.Date.valueOf(v.getAsJsonObject().get("date").getAsString()));
    } else if (v.getAsJsonPrimitive().isNumber()) {
      ps.setLong(i, v.getAsLong());
    } else {
      ps.setString(i, v.getAsString());
    }
  }

  static ResultSet metadata(DatabaseMetaData m, String what, JsonArray a) throws SQLException {
    String[] p = new String[4];
    for (int i = 0; a != null && i < a.size(); i++) p[i] = a.get(i).isJsonNull() ? null : a.get(i).getAsString();
    switch (what) {
      case "catalogs":
        return m.getCatalogs();
      case "tables":
        return m.getTables(p[0], null, p[1], p[2] == null ? null : p[2].split(","));
      case "columns":
        return m.getColumns(p[0], null, p[1], p[2]);
      case "primary_keys":
        return m.getPrimaryKeys(p[0], null, p[1]);
      case "index_info":
        return m.getIndexInfo(p[0], null, p[1], false, true);
      case "imported_keys":
        return m.getImportedKeys(p[0], null, p[1]);
      case "procedures":
        return m.getProcedures(p[0], null, p[1]);
      case "procedure_columns":
        return m.getProcedureColumns(p[0], null, p[1], p[2]);
      case "type_info":
        return m.getTypeInfo();
      default:
        throw new SQLException("no such metadata: " + what);
    }
  }

  static JsonObject rows(ResultSet rs) throws SQLException {
    ResultSetMetaData m = rs.getMetaData();
    JsonObject t = new JsonObject();
    JsonArray columns = new JsonArray(), types = new JsonArray(), rows = new JsonArray();
    for (int i = 1; i <= m.getColumnCount(); i++) {
      columns.add(m.getColumnLabel(i));
      types.add(m.getColumnTypeName(i));
    }
    while (rs.next()) {
      JsonArray row = new JsonArray();
      for (int i = 1; i <= m.getColumnCount(); i++) row.add(rs.getString(i));
      rows.add(row);
    }
    t.add("columns", columns);
    t.add("types", types);
    t.add("rows", rows);
    return t;
  }

  static JsonObject failure(SQLException e) {
    JsonObject f = new JsonObject();
    f.addProperty("code", e.getErrorCode());
    f.addProperty("state", e.getSQLState());
    f.addProperty("message", String.valueOf(e.getMessage()));
    f.addProperty("class", e.getClass().getSimpleName());
    return f;
  }
}
