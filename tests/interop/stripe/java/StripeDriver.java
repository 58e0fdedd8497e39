// SPDX-License-Identifier: Apache-2.0
// com.stripe:stripe-java behind the lines of tests/interop/sdk.py: a JSON document a line in, one a line out.

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.ToNumberPolicy;
import com.stripe.Stripe;
import com.stripe.exception.SignatureVerificationException;
import com.stripe.exception.StripeException;
import com.stripe.model.Balance;
import com.stripe.model.BalanceTransaction;
import com.stripe.model.Charge;
import com.stripe.model.Customer;
import com.stripe.model.Event;
import com.stripe.model.HasId;
import com.stripe.model.PaymentIntent;
import com.stripe.model.PaymentMethod;
import com.stripe.model.Price;
import com.stripe.model.Product;
import com.stripe.model.Refund;
import com.stripe.model.StripeCollection;
import com.stripe.model.StripeObjectInterface;
import com.stripe.model.WebhookEndpoint;
import com.stripe.model.checkout.Session;
import com.stripe.net.RequestOptions;
import com.stripe.net.StripeResponse;
import com.stripe.net.Webhook;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public final class StripeDriver {
    private static final Map<String, Class<?>> RESOURCES = Map.ofEntries(
            Map.entry("checkout.sessions", Session.class), Map.entry("payment_intents", PaymentIntent.class), Map.entry("refunds", Refund.class),
            Map.entry("charges", Charge.class), Map.entry("balance_transactions", BalanceTransaction.class), Map.entry("events", Event.class),
            Map.entry("webhook_endpoints", WebhookEndpoint.class), Map.entry("customers", Customer.class), Map.entry("payment_methods", PaymentMethod.class),
            Map.entry("products", Product.class), Map.entry("prices", Price.class), Map.entry("balance", Balance.class));
    private static final Gson GSON = new GsonBuilder().serializeNulls().setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE).create();
    private static final Map<String, String> KEYS = new HashMap<>();

    private StripeDriver() {}

    private static Map<String, Object> answer(Object... words) {
        Map<String, Object> made = new HashMap<>();
        for (int i = 0; i < words.length; i += 2) {
            made.put((String) words[i], words[i + 1]);
        }
        return made;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(Object value) {
        return (Map<String, Object>) value;
    }

    private static RequestOptions options(Map<String, Object> ask, boolean keyed) {
        RequestOptions.RequestOptionsBuilder builder = RequestOptions.builder().setApiKey(KEYS.get(ask.get("client"))).setMaxNetworkRetries(0);
        Map<String, Object> given = ask.get("options") == null ? Map.of() : map(ask.get("options"));
        if (keyed && given.get("idempotency_key") != null) {
            builder.setIdempotencyKey((String) given.get("idempotency_key"));
        }
        return builder.build();
    }

    /** The resource's static method, or, for what is done to an object, the method of the one that is read first. */
    private static Object invoke(Map<String, Object> ask) throws Exception {
        String path = (String) ask.get("path");
        int dot = path.lastIndexOf('.');
        Class<?> resource = RESOURCES.get(path.substring(0, dot));
        String name = path.substring(dot + 1);
        String id = null;
        Map<String, Object> params = new HashMap<>();
        for (Object word : (List<?>) ask.get("args")) {
            if (word instanceof String) {
                id = (String) word;
            } else {
                params = map(word);
            }
        }
        RequestOptions options = options(ask, true);
        if (id == null) {
            return resource.getMethod(name, Map.class, RequestOptions.class).invoke(null, params, options);
        }
        if (name.equals("retrieve")) {
            return resource.getMethod(name, String.class, Map.class, RequestOptions.class).invoke(null, id, params, options);
        }
        Object read = resource.getMethod("retrieve", String.class, Map.class, RequestOptions.class).invoke(null, id, null, options(ask, false));
        return resource.getMethod(name, Map.class, RequestOptions.class).invoke(read, params, options);
    }

    private static Map<String, Object> told(StripeException error) {
        var raw = error.getStripeError();
        boolean hasIntent = raw != null && raw.getPaymentIntent() != null;
        return answer("error", answer(
                "class", error.getClass().getSimpleName().replaceAll("Exception$", ""), "type", raw == null ? null : raw.getType(),
                "code", raw == null ? null : raw.getCode(), "param", raw == null ? null : raw.getParam(),
                "decline_code", raw == null ? null : raw.getDeclineCode(), "status", error.getStatusCode(), "request_id", error.getRequestId(),
                "message", raw == null ? error.getMessage() : raw.getMessage(), "payment_intent", hasIntent ? raw.getPaymentIntent().getStatus() : null));
    }

    private static Object call(Map<String, Object> ask) throws Exception {
        StripeResponse last = ((StripeObjectInterface) invoke(ask)).getLastResponse();
        return answer("object", JsonParser.parseString(last.body()), "status", last.code(), "request_id", last.requestId(),
                "version", last.headers().firstValue("Stripe-Version").orElse(null), "key", last.idempotencyKey());
    }

    private static Object pages(Map<String, Object> ask) throws Exception {
        List<String> ids = new ArrayList<>();
        for (Object object : ((StripeCollection<?>) invoke(ask)).autoPagingIterable()) {
            ids.add(((HasId) object).getId());
        }
        return ids;
    }

    private static Object event(Map<String, Object> ask) throws Exception {
        String body = new String(Base64.getDecoder().decode((String) ask.get("body")), StandardCharsets.UTF_8);
        Event event = Webhook.constructEvent(body, (String) ask.get("header"), (String) ask.get("secret"), 300);
        JsonObject object = JsonParser.parseString(event.getDataObjectDeserializer().getRawJson()).getAsJsonObject();
        return answer("type", event.getType(), "id", object.get("id").getAsString());
    }

    private static Object act(Map<String, Object> ask) throws Exception {
        switch ((String) ask.get("do")) {
            case "open":
                Map<String, Object> place = map(ask.get("place"));
                Stripe.overrideApiBase("http://127.0.0.1:" + place.get("port"));
                KEYS.put((String) ask.get("client"), (String) place.get("key"));
                return true;
            case "call":
                return call(ask);
            case "pages":
                return pages(ask);
            default:
                return event(ask);
        }
    }

    private static Map<String, Object> judge(Map<String, Object> ask) {
        try {
            return answer("value", act(ask));
        } catch (InvocationTargetException error) {
            return error.getCause() instanceof StripeException ? answer("value", told((StripeException) error.getCause())) : answer("refused", "" + error.getCause());
        } catch (SignatureVerificationException error) {
            return answer("value", told(error));
        } catch (Exception error) {
            return answer("refused", error.toString());
        }
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(GSON.toJson(judge(map(GSON.fromJson(line, Object.class)))));
        }
    }
}
