// SPDX-License-Identifier: Apache-2.0
// com.alipay.sdk:alipay-sdk-java-v3, the REST client, behind the lines of tests/interop/sdk.py.

import com.alipay.v3.ApiClient;
import com.alipay.v3.ApiException;
import com.alipay.v3.ApiResponse;
import com.alipay.v3.util.GenericExecuteApi;
import com.alipay.v3.util.model.AlipayConfig;
import com.alipay.v3.util.model.OpenApiGenericRequest;
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.reflect.TypeToken;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

public final class DriverV3 {
    private static final Map<String, GenericExecuteApi> CLIENTS = new HashMap<>();
    private static final Gson GSON = new Gson();

    private static String text(JsonObject object, String name) {
        return object.has(name) ? object.get(name).getAsString() : null;
    }

    private static Object open(JsonObject ask) throws ApiException {
        JsonObject place = ask.getAsJsonObject("place");
        AlipayConfig config = new AlipayConfig();
        config.setServerUrl(text(place, "endpoint"));
        config.setAppId(text(place, "app_id"));
        config.setPrivateKey(place.getAsJsonObject("private_key").get("pkcs8").getAsString());
        if (place.has("app_cert")) {
            config.setAppCertContent(text(place, "app_cert"));
            config.setAlipayPublicCertContent(text(place, "platform_cert"));
            config.setRootCertContent(text(place, "root_cert"));
        } else {
            config.setAlipayPublicKey(text(place, "platform_public_key"));
        }
        if (place.has("aes_key")) {
            config.setEncryptType("AES");
            config.setEncryptKey(text(place, "aes_key"));
        }
        ApiClient client = new ApiClient();
        client.setAlipayConfig(config);
        client.setBasePath(text(place, "endpoint"));
        CLIENTS.put(text(ask, "client"), new GenericExecuteApi(client));
        return true;
    }

    private static Object v3(JsonObject ask) throws ApiException {
        OpenApiGenericRequest request = new OpenApiGenericRequest();
        Map<String, Object> fields = GSON.fromJson(ask.getAsJsonObject("body"), new TypeToken<Map<String, Object>>() { }.getType());
        request.setBizParams(fields);
        ApiResponse<Object> answer = CLIENTS.get(text(ask, "client")).execute(text(ask, "path"), text(ask, "http"), request);
        JsonObject value = new JsonObject();
        value.addProperty("status", answer.getStatusCode());
        value.add("data", GSON.toJsonTree(answer.getData()));
        return value;
    }

    private static JsonObject answer(JsonObject ask) {
        JsonObject reply = new JsonObject();
        try {
            switch (text(ask, "do")) {
                case "open":
                    reply.add("value", GSON.toJsonTree(open(ask)));
                    break;
                case "v3":
                    reply.add("value", GSON.toJsonTree(v3(ask)));
                    break;
                default:
                    reply.addProperty("lacks", "alipay-sdk-java-v3 is used for the v3 interface only");
            }
        } catch (ApiException error) {
            reply.addProperty("refused", error.getCode() + " " + error.getMessage() + " " + error.getResponseBody());
        } catch (RuntimeException error) {
            reply.addProperty("refused", error.toString());
        }
        return reply;
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        System.setOut(System.err); // the SDK's own words do not belong into the conversation
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(GSON.toJson(answer(JsonParser.parseString(line).getAsJsonObject())));
            out.flush();
        }
    }
}
