// SPDX-License-Identifier: Apache-2.0
// com.alipay.sdk:alipay-sdk-java behind the lines of tests/interop/sdk.py: a JSON document a line in, one a line out.

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONObject;
import com.alibaba.fastjson.serializer.SerializerFeature;
import com.alipay.api.AlipayApiException;
import com.alipay.api.AlipayClient;
import com.alipay.api.AlipayConfig;
import com.alipay.api.AlipayObject;
import com.alipay.api.AlipayRequest;
import com.alipay.api.AlipayResponse;
import com.alipay.api.AlipayUploadRequest;
import com.alipay.api.DefaultAlipayClient;
import com.alipay.api.FileItem;
import com.alipay.api.internal.mapping.ApiField;
import com.alipay.api.internal.mapping.ApiListField;
import com.alipay.api.internal.util.AlipaySignature;
import com.alipay.api.request.AlipayTradeQueryRequest;
import com.alipay.api.response.AlipayTradeQueryResponse;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public final class Driver {
    /** The SDK cannot do it; the table says so. */
    private static final class Lacks extends Exception {
        Lacks(String reason) {
            super(reason);
        }
    }

    private static final class Client {
        AlipayClient sdk;
        JSONObject place;
        boolean certificates;
    }

    private static final Map<String, Client> CLIENTS = new HashMap<>();

    private static Object open(JSONObject ask) throws Exception {
        JSONObject place = ask.getJSONObject("place");
        if ("pkcs1".equals(ask.getString("key_form"))) {
            throw new Lacks("alipay-sdk-java takes private keys as PKCS#8 only");
        }
        AlipayConfig config = new AlipayConfig();
        config.setServerUrl(place.getString("gateway"));
        config.setAppId(place.getString("app_id"));
        config.setPrivateKey(place.getJSONObject("private_key").getString("pkcs8"));
        config.setCharset("utf-8");
        config.setSignType("RSA2");
        config.setFormat("json");
        Client client = new Client();
        client.place = place;
        client.certificates = place.getString("app_cert") != null;
        if (client.certificates) {
            config.setAppCertContent(place.getString("app_cert"));
            config.setAlipayPublicCertContent(place.getString("platform_cert"));
            config.setRootCertContent(place.getString("root_cert"));
        } else {
            config.setAlipayPublicKey(place.getString("platform_public_key"));
        }
        if (place.getString("aes_key") != null) {
            config.setEncryptKey(place.getString("aes_key"));
            config.setEncryptType("AES");
        }
        client.sdk = new DefaultAlipayClient(config);
        CLIENTS.put(ask.getString("client"), client);
        return true;
    }

    /** "alipay.trade.query" is AlipayTradeQuery. */
    private static String className(String method) {
        StringBuilder name = new StringBuilder();
        for (String word : method.split("\\.")) {
            name.append(Character.toUpperCase(word.charAt(0))).append(word.substring(1));
        }
        return name.toString();
    }

    /** The SDK's own model, field by field, or null when the business document has more than texts. */
    private static AlipayObject model(String method, JSONObject business) throws Exception {
        AlipayObject model = (AlipayObject) Class.forName("com.alipay.api.domain." + className(method) + "Model").getConstructor().newInstance();
        for (Map.Entry<String, Object> entry : business.entrySet()) {
            Field field = field(model.getClass(), entry.getKey());
            if (field == null || field.getType() != String.class || !(entry.getValue() instanceof String)) {
                return null;
            }
            field.setAccessible(true);
            field.set(model, entry.getValue());
        }
        return model;
    }

    private static Field field(Class<?> type, String name) {
        for (Field field : type.getDeclaredFields()) {
            ApiField mark = field.getAnnotation(ApiField.class);
            if (mark != null && mark.value().equals(name)) {
                return field;
            }
        }
        return null;
    }

    @SuppressWarnings("unchecked")
    private static AlipayRequest<AlipayResponse> request(JSONObject ask, JSONObject place) throws Exception {
        String method = ask.getString("method");
        Class<?> type = Class.forName("com.alipay.api.request." + className(method) + "Request");
        AlipayRequest<AlipayResponse> request = (AlipayRequest<AlipayResponse>) type.getConstructor().newInstance();
        AlipayObject model = model(method, ask.getJSONObject("business"));
        if (model != null) {
            request.setBizModel(model);
        } else {
            type.getMethod("setBizContent", String.class).invoke(request, ask.getJSONObject("business").toJSONString());
        }
        request.setNotifyUrl(ask.getString("notify_url"));
        request.setReturnUrl(ask.getString("return_url"));
        request.setNeedEncrypt(place.getString("aes_key") != null);
        return request;
    }

    private static Object call(JSONObject ask) throws Exception {
        Client client = CLIENTS.get(ask.getString("client"));
        AlipayRequest<AlipayResponse> request = request(ask, client.place);
        AlipayResponse response = client.certificates ? client.sdk.certificateExecute(request) : client.sdk.execute(request);
        return read(response);
    }

    /** What the SDK parsed, under the platform's names. */
    private static Map<String, Object> read(Object parsed) throws Exception {
        Map<String, Object> all = new HashMap<>();
        for (Class<?> type = parsed.getClass(); type != Object.class; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                ApiField one = field.getAnnotation(ApiField.class);
                ApiListField list = field.getAnnotation(ApiListField.class);
                if (one == null && list == null) {
                    continue;
                }
                field.setAccessible(true);
                Object value = field.get(parsed);
                if (value != null) {
                    all.put(list != null ? list.value() : one.value(), plain(value));
                }
            }
        }
        return all;
    }

    private static Object plain(Object value) throws Exception {
        if (value instanceof AlipayObject) {
            return read(value);
        }
        if (!(value instanceof List)) {
            return value;
        }
        List<Object> items = new ArrayList<>();
        for (Object item : (List<?>) value) {
            items.add(plain(item));
        }
        return items;
    }

    /** A query that brings a file along: what has getFileParams is sent as multipart/form-data. */
    private static final class QueryWithFile extends AlipayTradeQueryRequest implements AlipayUploadRequest<AlipayTradeQueryResponse> {
        private final FileItem file;

        QueryWithFile(FileItem file) {
            this.file = file;
        }

        @Override
        public Map<String, FileItem> getFileParams() {
            return Collections.singletonMap("file_content", file);
        }
    }

    private static Object upload(JSONObject ask) throws Exception {
        Client client = CLIENTS.get(ask.getString("client"));
        QueryWithFile request = new QueryWithFile(new FileItem("coffee.png", Base64.getDecoder().decode(ask.getString("file"))));
        request.setBizContent(ask.getJSONObject("business").toJSONString());
        return read(client.certificates ? client.sdk.certificateExecute(request) : client.sdk.execute(request));
    }

    private static Object page(JSONObject ask) throws Exception {
        Client client = CLIENTS.get(ask.getString("client"));
        return client.sdk.pageExecute(request(ask, client.place), ask.getString("how")).getBody();
    }

    private static Object orderString(JSONObject ask) throws Exception {
        Client client = CLIENTS.get(ask.getString("client"));
        return client.sdk.sdkExecute(request(ask, client.place)).getBody();
    }

    private static Map<String, String> form(JSONObject ask) {
        Map<String, String> form = new HashMap<>();
        ask.getJSONObject("form").forEach((name, value) -> form.put(name, String.valueOf(value)));
        return form;
    }

    private static Object notified(JSONObject ask) throws Exception {
        Client client = CLIENTS.get(ask.getString("client"));
        String key = client.certificates ? publicKey(client.place.getString("platform_cert")) : client.place.getString("platform_public_key");
        return "v1".equals(ask.getString("rule")) ? AlipaySignature.rsaCheckV1(form(ask), key, "utf-8", "RSA2")
                : AlipaySignature.rsaCheckV2(form(ask), key, "utf-8", "RSA2");
    }

    private static String publicKey(String certificate) throws Exception {
        java.io.File file = java.io.File.createTempFile("platform", ".crt");
        try {
            java.nio.file.Files.write(file.toPath(), certificate.getBytes(StandardCharsets.UTF_8));
            return AlipaySignature.getAlipayPublicKey(file.getPath());
        } finally {
            file.delete();
        }
    }

    /** The platform's side of a request: its rule keeps sign_type. */
    private static Object requested(JSONObject ask) throws Exception {
        JSONObject place = CLIENTS.get(ask.getString("client")).place;
        return AlipaySignature.rsaCheckV2(form(ask), place.getString("app_public_key"), "utf-8", "RSA2");
    }

    private static Object perform(JSONObject ask) throws Exception {
        switch (ask.getString("do")) {
            case "open": return open(ask);
            case "call": return call(ask);
            case "upload": return upload(ask);
            case "page": return page(ask);
            case "order_string": return orderString(ask);
            case "notified": return notified(ask);
            case "requested": return requested(ask);
            default: throw new Lacks("alipay-sdk-java has no call for " + ask.getString("do"));
        }
    }

    private static JSONObject answer(JSONObject ask) {
        JSONObject reply = new JSONObject();
        try {
            reply.put("value", perform(ask));
        } catch (Lacks reason) {
            reply.put("lacks", reason.getMessage());
        } catch (ClassNotFoundException missing) {
            reply.put("lacks", "alipay-sdk-java has no class " + missing.getMessage());
        } catch (Exception error) {
            reply.put("refused", error.getClass().getSimpleName() + ": " + error.getMessage());
        }
        return reply;
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        System.setOut(System.err); // the SDK's own words do not belong into the conversation
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(JSON.toJSONString(answer(JSON.parseObject(line)), SerializerFeature.DisableCircularReferenceDetect));
            out.flush();
        }
    }
}
